-- name: correlation
-- question: Do models with a larger Jacobian norm, or more transitions, generalize worse?
-- grain: dataset, metric
-- parameters:
--   metric              names = jacobian_norm,transitions,jacobian_norm_median,log10_jacobian_norm,logit_jacobian_norm  {v_models}  metrics of models; a test-point metric stands for its mean
--   labels              text = true    {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1       [0, 1]               models at least this accurate on their training points
--   transitions_method  text = null    how transitions were counted; null is the commonest way of the data set
--   unit                text = models  {models, configurations}  what is correlated: single models, or means over the seeds of a configuration, as the paper plots
--   draws               int = 2000     [100, 100000]        resamples of the interval
-- columns:
--   dataset           text            data set
--   metric            text            metric of a model; the name of a test-point metric is its mean over test points
--   n_models          int   [0, inf)  models that have the metric
--   n_configurations  int   [0, inf)  configurations they belong to
--   pearson_log       real  [-1, 1]   Pearson correlation of the logarithms of metric and gap, where both are positive
--   spearman          real  [-1, 1]   Spearman rank correlation of metric and generalization gap over the units
--   spearman_low      real  [-1, 1]   low end of its 95 % interval, configurations resampled
--   spearman_high     real  [-1, 1]   high end of its 95 % interval
--   kendall_tau_b     real  [-1, 1]   Kendall's tau-b of the same
--   labels            text            true, random or all: the training labels of these models
--   method            text            how transitions were counted; missing for other metrics
-- then: statistics.correlation
-- caution: models differ in more than the metric; a correlation over them is not an effect of it
--   training sets of several sizes in one correlation can hide or reverse what holds within each
-- source: paper.md 10, 13 and 14; the arithmetic mean is the paper's metric, and the median may have the other sign
with population as (
    select
        model_id,
        dataset,
        configuration_sha256,
        generalization_gap as gap,
        n_train_points,
        transitions_method as counted_by,
        columns(lambda name: list_contains($metric, name))::double
    from v_models
    where
        train_accuracy >= $min_train_accuracy
        and stop_reason <> 'diverged'
        and case $labels when 'true' then label_noise = 0 when 'random' then label_noise = 1 else true end
),

chosen_method as (
    select
        dataset,
        counted_by as method
    from population
    where counted_by = coalesce($transitions_method, counted_by)
    group by dataset, counted_by
    qualify row_number() over (partition by dataset order by count(*) desc, counted_by) = 1
),

model_metric as (
    select
        model_id,
        dataset,
        configuration_sha256,
        gap,
        n_train_points,
        counted_by,
        metric,
        value
    from population
    unpivot include nulls (value for metric in (columns(lambda name: list_contains($metric, name))))
)

select
    m.dataset as dataset,
    regexp_replace(m.metric, '_mean$', '') as metric,
    m.configuration_sha256 as configuration,
    m.value as value,
    m.gap as generalization_gap,
    m.n_train_points as n_train_points,
    $labels as labels,
    case when m.metric like 'transitions%' then c.method end as method
from model_metric as m
left join chosen_method as c on m.dataset = c.dataset
where
    m.metric not like 'transitions%'
    or m.counted_by is null
    or m.counted_by = c.method
order by m.dataset, list_position($metric, m.metric), m.model_id
