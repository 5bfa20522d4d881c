-- name: risk_coverage
-- question: If a model answers only the points where a number is smallest, how often is it wrong?
-- grain: dataset, metric
-- parameters:
--   metric              names = jacobian_norm,doubt,entropy,margin,logit_jacobian_norm  {v_points}  metrics of test points; margin and boundary_distance count negated, margin without its sign
--   labels              text = true  {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points
-- columns:
--   dataset      text            data set
--   metric       text            metric of a test point; points are answered by its rising size
--   n_models     int   [1, inf)  models with a wrong point
--   error_mean   real  [0, 1]    mean over models of the share of wrong points
--   aurc_mean    real  [0, 1]    mean over models of the area under risk against coverage
--   excess_mean  real  [-1, 1]   the same less the least area that its error allows: comparable between models
--   excess_q05   real  [-1, 1]   5 % quantile over models of the excess
--   excess_q95   real  [-1, 1]   95 % quantile over models of the excess
--   risk_50      real  [0, 1]    mean over models of the share of wrong points among the half answered first
--   risk_80      real  [0, 1]    the same among the four fifths answered first
-- caution: equal values are answered in the order of the points; margin's size uses the label at wrong points
-- source: paper.md 13: AURC = (1/n) sum over k of the risk of the k most certain; its optimum is r + (1 - r) ln(1 - r)
with measured as (
    select
        model_id,
        point_index,
        correct_int,
        columns(lambda name: list_contains($metric, name))::float
    from v_points
    where
        train_accuracy >= $min_train_accuracy
        and case $labels when 'true' then label_noise = 0 when 'random' then label_noise = 1 else true end
),

point_metric as (
    select
        model_id,
        point_index,
        correct_int,
        list_position($metric, metric)::utinyint as place,
        case
            when metric = 'margin' then -abs(value)
            when metric = 'boundary_distance' then -value
            else value
        end as value
    from measured
    unpivot (value for metric in (columns(lambda name: list_contains($metric, name))))
),

answered as (
    select
        model_id,
        place,
        row_number() over in_order as k,
        count(*) over (partition by model_id, place) as n,
        sum(1 - correct_int) over in_order as n_wrong
    from point_metric
    window in_order as (
        partition by model_id, place order by value, point_index rows between unbounded preceding and current row
    )
),

model_metric as (
    select
        model_id,
        place,
        favg(n_wrong / k order by k) as aurc,
        (max(n_wrong) / max(n))::double as error,
        max(n_wrong / k) filter (where k = (n + 1) // 2) as risk_50,
        max(n_wrong / k) filter (where k = greatest(1, (4 * n) // 5)) as risk_80
    from answered
    group by model_id, place
    having max(n_wrong) > 0
),

with_excess as (
    select
        m.dataset,
        a.*,
        a.aurc - (a.error + case when a.error < 1 then (1 - a.error) * ln(1 - a.error) else 0 end) as excess
    from model_metric as a
    inner join v_models as m on a.model_id = m.model_id
)

select
    dataset,
    $metric[place] as metric,
    count(*) as n_models,
    favg(error order by model_id) as error_mean,
    favg(aurc order by model_id) as aurc_mean,
    favg(excess order by model_id) as excess_mean,
    quantile_cont(excess, 0.05) as excess_q05,
    quantile_cont(excess, 0.95) as excess_q95,
    favg(risk_50 order by model_id) as risk_50,
    favg(risk_80 order by model_id) as risk_80
from with_excess
group by dataset, place
order by dataset, place
