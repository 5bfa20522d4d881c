-- name: point_correlation
-- question: Within a model, do test points with a larger Jacobian norm have a larger loss?
-- grain: dataset, metric
-- parameters:
--   metric              names = jacobian_norm,doubt,entropy,margin,logit_jacobian_norm  {v_points}  metrics of test points; margin and boundary_distance count negated, margin without its sign
--   labels              text = true  {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points
-- columns:
--   dataset          text            data set
--   metric           text            metric of a test point
--   n_models         int   [1, inf)  models in which metric and loss both vary
--   spearman_mean    real  [-1, 1]   mean over models of Spearman's rank correlation of metric and loss over its points
--   spearman_q05     real  [-1, 1]   5 % quantile over models of the same
--   spearman_median  real  [-1, 1]   median over models of the same
--   spearman_q95     real  [-1, 1]   95 % quantile over models of the same
--   share_positive   real  [0, 1]    share of models where it is above 0
--   n_points         int   [2, inf)  points compared, over all models
-- caution: loss and norm are both large where a model doubts; compare with the rows of doubt, entropy and margin
-- source: paper.md 10 and 13; ranks within a model, for levels differ between models by orders of magnitude
with measured as (
    select
        model_id,
        point_index,
        loss as target,
        columns(lambda name: list_contains($metric, name))::float
    from v_points
    where
        loss is not null
        and train_accuracy >= $min_train_accuracy
        and case $labels when 'true' then label_noise = 0 when 'random' then label_noise = 1 else true end
),

point_metric as (
    select
        model_id,
        target,
        list_position($metric, metric)::utinyint as place,
        case
            when metric = 'margin' then -abs(value)
            when metric = 'boundary_distance' then -value
            else value
        end as value
    from measured
    unpivot (value for metric in (columns(lambda name: list_contains($metric, name))))
),

-- Twice the mean place of equal values: whole numbers, whose sums are exact.
ranked as (
    select
        model_id,
        place,
        (rank() over by_value + count(*) over by_value) as x,
        (rank() over by_target + count(*) over by_target) as y
    from point_metric
    window
        by_value as (partition by model_id, place order by value),
        by_target as (partition by model_id, place order by target)
),

model_sum as (
    select
        model_id,
        place,
        count(*) as n_points,
        (sum(x * y) - count(*) * (count(*) + 1) * (count(*) + 1))::double as xy,
        (sum(x * x) - count(*) * (count(*) + 1) * (count(*) + 1))::double as xx,
        (sum(y * y) - count(*) * (count(*) + 1) * (count(*) + 1))::double as yy
    from ranked
    group by model_id, place
),

model_metric as (
    select
        m.dataset,
        s.model_id,
        s.place,
        s.n_points,
        greatest(-1, least(1, s.xy / (sqrt(s.xx) * sqrt(s.yy)))) as rho
    from model_sum as s
    inner join v_models as m on s.model_id = m.model_id
    where s.xx > 0 and s.yy > 0
)

select
    dataset,
    $metric[place] as metric,
    count(*) as n_models,
    favg(rho order by model_id) as spearman_mean,
    quantile_cont(rho, 0.05) as spearman_q05,
    quantile_cont(rho, 0.5) as spearman_median,
    quantile_cont(rho, 0.95) as spearman_q95,
    avg((rho > 0)::integer) as share_positive,
    sum(n_points)::bigint as n_points
from model_metric
group by dataset, place
order by dataset, place
