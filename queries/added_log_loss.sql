-- name: added_log_loss
-- question: Does the Jacobian norm say more of which points are wrong than the softmax outputs do, out of fold?
-- grain: dataset, metric, beside
-- parameters:
--   metric              text = jacobian_norm  {jacobian_norm, logit_jacobian_norm, boundary_distance}  metric of test points
--   labels              text = true    {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1       [0, 1]               models at least this accurate on their training points
--   configurations      int  = 200     [5, 100000]          configurations a data set at most, in the order of their hash
--   rows                int  = 10000   [100, 10000000]      points of models a data set at most: every k-th test point of each
--   draws               int  = 2000    [100, 100000]        resamples of the interval
-- columns:
--   dataset           text            data set
--   metric            text            metric of test points
--   beside            text            what is known without it: none, one baseline, or all that do not know the label
--   gain              real            log loss without the metric less that with it, nats a point; above 0 the metric adds
--   gain_low          real            low end of its 95 % interval, configurations and points resampled
--   gain_high         real            high end of its 95 % interval
--   log_loss          real  [0, inf)  out-of-fold log loss of wrong or right without the metric, nats a point
--   log_loss_with     real  [0, inf)  the same with it
--   n_models          int   [0, inf)  models
--   n_configurations  int   [0, inf)  configurations they belong to
--   n_points          int   [0, inf)  points of models
--   n_wrong           int   [0, inf)  those among them that are wrong
--   n_left_out        int   [0, inf)  points whose metric or a baseline is missing or has no logarithm
-- then: statistics.added_log_loss
-- caution: margin is stored with the label's logit, so its size at wrong points knows the label and makes what the norm
--   adds beside it too small. The gap of the two largest logits, which would not, does not follow from stored columns:
--   of the runner-up's probability they hold bounds alone. log10 of doubt / (1 - doubt) is the gap between the largest
--   logit and all others together, so doubt stands for it, and margin is no part of all
-- source: paper.md 13 and 14 (row 21)
with fitted as (
    select
        model_id,
        dataset,
        configuration_sha256,
        dense_rank() over (partition by dataset order by configuration_sha256) as place
    from v_models
    where
        train_accuracy >= $min_train_accuracy
        and stop_reason <> 'diverged'
        and n_points_stored > 0
        and case $labels when 'true' then label_noise = 0 when 'random' then label_noise = 1 else true end
),

population as (
    select
        f.model_id,
        f.dataset,
        f.configuration_sha256,
        greatest(1, ceil(sum(m.n_points_stored) over (partition by f.dataset) / $rows))::bigint as step
    from fitted as f
    inner join v_models as m on f.model_id = m.model_id
    where f.place <= $configurations
)

select
    m.dataset as dataset,
    $metric as metric,
    m.configuration_sha256 as configuration,
    m.model_id::bigint as model_id,
    p.point_index::bigint as point_index,
    (not p.correct)::integer as wrong,
    case $metric
        when 'jacobian_norm' then p.log10_jacobian_norm
        when 'logit_jacobian_norm' then log10(nullif(p.logit_jacobian_norm, 0)::double)
        else -log10(nullif(p.boundary_distance, 0)::double)
    end as value,
    log10(nullif(p.doubt, 0)::double) as doubt,
    log10(nullif(p.entropy, 0)::double) as entropy,
    abs(p.margin)::double as margin
from v_points as p
inner join population as m on p.model_id = m.model_id
where p.point_index % m.step = 0
order by m.dataset, m.model_id, p.point_index
