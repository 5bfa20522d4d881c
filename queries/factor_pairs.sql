-- name: factor_pairs
-- question: Do true labels, augmentation, ReLU and mini-batches lower gap and sensitivity when nothing else changes?
-- grain: dataset, factor, metric
-- parameters:
--   metric              names = generalization_gap,jacobian_norm,transitions  {v_models}  metrics of models; a test-point metric stands for its mean
--   labels              text = all   {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points; augmented ones count in any case
--   transitions_method  text = null  how transitions were counted; null is the commonest way of the data set
--   draws               int = 2000   [100, 100000]        resamples of the interval of the ratio
-- columns:
--   dataset          text            data set
--   factor           text            what differs: label_noise, augmentation, nonlinearity, batch or optimizer
--   expected_lower   text            the side whose metric the paper expects to be lower
--   metric           text            metric of a model; the name of a test-point metric is its mean over test points
--   n_pairs          int   [1, inf)  settings with models on both sides, all else equal
--   share_expected   real  [0, 1]    share of pairs where the expected side is lower; ties count half
--   ratio_median     real  (0, inf)  median of other side / expected side, where both are positive
--   p_value          real  [0, 1]    sign test, two-sided, without ties
--   q_value          real  [0, 1]    Benjamini-Hochberg over all rows of this answer
--   expected_higher  text            the other side
--   share_low        real  [0, 1]    low end of the share's 95 % interval (Wilson)
--   share_high       real  [0, 1]    high end of the share's 95 % interval
--   ratio_low        real  (0, inf)  low end of the ratio's 95 % interval, pairs resampled
--   ratio_high       real  (0, inf)  high end of the ratio's 95 % interval
--   n_ties           int   [0, inf)  pairs with equal sides
-- then: statistics.factor_pairs
-- caution: pairs share width, depth and other fields with one another, so they are not quite independent
-- source: paper.md 2, 4c, 7 and 13
with population as (
    select
        model_id,
        dataset,
        configuration_sha256,
        test_accuracy as accuracy,
        transitions_method as counted_by,
        columns(lambda name: list_contains($metric, name))::double
    from v_models
    where
        (train_accuracy >= $min_train_accuracy or augmentation <> 'none')
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
        accuracy,
        counted_by,
        metric,
        value
    from population
    unpivot (value for metric in (columns(lambda name: list_contains($metric, name))))
),

configuration_metric as (
    select
        m.configuration_sha256 as configuration,
        m.metric as metric,
        min(m.model_id) as first_model_id,
        favg(m.value order by m.model_id) as value,
        favg(m.accuracy order by m.model_id) as test_accuracy
    from model_metric as m
    left join chosen_method as c on m.dataset = c.dataset
    where m.metric not like 'transitions%' or m.counted_by = c.method
    group by m.configuration_sha256, m.metric
)

select
    s.dataset as dataset,
    regexp_replace(c.metric, '_mean$', '') as metric,
    c.value as value,
    c.test_accuracy as test_accuracy,
    s.n_train_points as n_train_points,
    s.crop as crop,
    s.hidden_layers as hidden_layers,
    s.widths as widths,
    s.nonlinearity as nonlinearity,
    s.biases as biases,
    s.weight_scale as weight_scale,
    s.label_noise as label_noise,
    s.augmentation as augmentation,
    s.loss as loss,
    s.optimizer as optimizer,
    s.momentum as momentum,
    s.learning_rate as learning_rate,
    s.learning_rate_drop_epochs as learning_rate_drop_epochs,
    s.batch_size as batch_size,
    s.full_batch as full_batch,
    s.max_steps as max_steps,
    s.stop_rule as stop_rule,
    s.stop_loss as stop_loss,
    s.dtype as dtype
from configuration_metric as c
inner join v_models as s on c.first_model_id = s.model_id
order by s.dataset, list_position($metric, c.metric), c.first_model_id
