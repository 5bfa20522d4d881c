-- name: conditional_information
-- question: Does the order of a metric say something of the order of the gaps that no two axes of the grid say?
-- grain: dataset, metric
-- parameters:
--   metric              names = jacobian_norm,transitions,logit_jacobian_norm,n_parameters  {v_models}  metrics of models; a test-point metric stands for its mean
--   labels              text = true  {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points
--   transitions_method  text = null  how transitions were counted; null is the commonest way of the data set
--   known               text = none  {none, random, gap}  a metric whose answer is known in the place of the metric: random numbers, or the gap with noise
--   permutations        int = 100    [20, 10000]          of the null
-- columns:
--   dataset           text            data set
--   metric            text            metric of a model; the name of a test-point metric is its mean over test points
--   k                 real  [0, 1]    smallest normalised mutual information of both orders given two axes at most
--   conditioned_on    text            the axes that give the smallest
--   null_mean         real  [0, 1]    mean of k where the metric is dealt anew to the configurations
--   null_high         real  [0, 1]    95 % quantile of the same
--   p_value           real  [0, 1]    share of those at least as large, the metric's own among them
--   information       real  [0, 1]    the same given nothing
--   tau               real  [-1, 1]   Kendall's tau-a over all pairs: k has no sign
--   n_configurations  int   [0, inf)  configurations
--   n_pairs           int   [0, inf)  pairs without a tie
--   n_ties            int   [0, inf)  pairs that tie in metric or gap, left out
-- then: statistics.conditional_information
-- caution: an inverse metric has a large k as well; plug-in information is biased upwards, so compare with the null
-- source: paper.md 11 and 14 (row 22), Jiang et al.
with population as (
    select
        model_id,
        dataset,
        configuration_sha256,
        generalization_gap as gap,
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
    s.n_train_points as n_train_points,
    s.crop as crop,
    s.hidden_layers as hidden_layers,
    coalesce(s.width::varchar, s.widths) as width,
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
from model_metric as m
inner join v_models as s on m.model_id = s.model_id
left join chosen_method as c on m.dataset = c.dataset
where
    m.metric not like 'transitions%'
    or m.counted_by is null
    or m.counted_by = c.method
order by m.dataset, list_position($metric, m.metric), m.model_id
