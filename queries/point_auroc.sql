-- name: point_auroc
-- question: Does the Jacobian norm tell the test points a model gets wrong, and better than its confidence does?
-- grain: dataset, metric
-- parameters:
--   metric              names = jacobian_norm,doubt,entropy,margin,logit_jacobian_norm  {v_points}  metrics of test points; margin and boundary_distance count negated, margin without its sign
--   labels              text = true  {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points
--   draws               int = 2000   [100, 100000]        resamples of the interval
-- columns:
--   dataset           text            data set
--   metric            text            metric of a test point; wrong points are expected to have larger ones, of margin and boundary_distance smaller
--   n_models          int   [0, inf)  models with right and wrong points
--   auroc_mean        real  [0, 1]    mean over models of P(wrong > right) + P(wrong = right) / 2
--   auroc_low         real  [0, 1]    low end of its 95 % interval, configurations resampled
--   auroc_high        real  [0, 1]    high end of its 95 % interval
--   n_configurations  int   [0, inf)  configurations these models belong to
--   n_points          int   [0, inf)  points compared, over all models
--   n_wrong           int   [0, inf)  those among them that the models get wrong
--   over_doubt        real  [-1, 1]   mean over models of this AUROC minus that of doubt at the same points; missing without doubt
--   over_doubt_low    real  [-1, 1]   low end of its 95 % interval, configurations resampled
--   over_doubt_high   real  [-1, 1]   high end of its 95 % interval
-- then: statistics.point_auroc
-- caution: norm and doubt rise together, as J = (diag(s) - s s^T) A; equal AUROCs mean the norm adds nothing to
--   the softmax. Loss and input_gradient_norm know the label, so theirs say nothing; so does margin at wrong points,
--   where its size is at least the distance of the two largest logits: its AUROC is a lower bound of theirs
-- source: paper.md 10, 13 and 14 (rows 17 and 21)
with measured as (
    select
        model_id,
        correct as is_right,
        columns(lambda name: list_contains($metric, name))::float
    from v_points
    where
        train_accuracy >= $min_train_accuracy
        and case $labels when 'true' then label_noise = 0 when 'random' then label_noise = 1 else true end
),

-- Few and short columns: this is the query with the most rows, one a point and metric.
point_metric as (
    select
        model_id,
        list_position($metric, metric)::utinyint as place,
        is_right,
        case
            when metric = 'margin' then -abs(value)  -- its sign is whether the point is right
            when metric = 'boundary_distance' then -value
            else value
        end as value
    from measured
    unpivot (value for metric in (columns(lambda name: list_contains($metric, name))))
),

-- The mean of the first and the last place of equal values: a tie of a wrong and a right point counts half.
ranked as (
    select
        model_id,
        place,
        is_right,
        (rank() over by_value + count(*) over by_value) / 2 as midrank
    from point_metric
    window by_value as (partition by model_id, place order by value)
),

rank_sum as (
    select
        model_id,
        place,
        coalesce(sum(midrank) filter (where not is_right), 0) as wrong_ranks,
        count(*) filter (where not is_right) as n_wrong,
        count(*) filter (where is_right) as n_right
    from ranked
    group by model_id, place
)

select
    m.dataset as dataset,
    $metric[r.place] as metric,
    r.model_id::bigint as model_id,
    m.configuration_sha256 as configuration,
    (r.wrong_ranks - r.n_wrong * (r.n_wrong + 1) / 2) / nullif(r.n_wrong * r.n_right, 0) as auroc,
    r.n_wrong as n_wrong,
    r.n_right as n_right
from rank_sum as r
inner join v_models as m on r.model_id = m.model_id
order by m.dataset, r.place, r.model_id
