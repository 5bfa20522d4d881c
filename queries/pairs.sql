-- name: pairs
-- question: What are both sides of each pair of settings that differ in one factor alone?
-- grain: dataset, factor, metric, pair
-- parameters:
--   metric              names = generalization_gap,jacobian_norm,transitions  {v_models}  metrics of models; a test-point metric stands for its mean
--   labels              text = all   {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points; augmented ones count in any case
--   transitions_method  text = null  how transitions were counted; null is the commonest way of the data set
-- columns:
--   dataset          text            data set
--   factor           text            what differs: label_noise, augmentation, nonlinearity, batch or optimizer
--   expected_lower   text            the side whose metric the paper expects to be lower
--   expected_higher  text            the other side
--   metric           text            metric of a model; the name of a test-point metric is its mean over test points
--   pair             int   [1, inf)  number of the pair within data set, factor and metric
--   value_lower      real            mean over configurations of their seed means on the side expected to be lower
--   value_higher     real            the same on the other side
--   hidden_layers    int   [0, 200]  hidden layers of both sides
--   widths           text            units of all their hidden layers
-- then: statistics.pairs
-- caution: pairs share width, depth and other fields with one another, so they are not quite independent
-- source: paper.md 2 and 4c, figure 4; factor_pairs counts them
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
