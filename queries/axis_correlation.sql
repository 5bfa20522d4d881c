-- name: axis_correlation
-- question: Does a metric go with the generalization gap along each axis of the grid, all else equal?
-- grain: dataset, metric, axis
-- parameters:
--   metric              names = jacobian_norm,transitions,logit_jacobian_norm,n_parameters  {v_models}  metrics of models; a test-point metric stands for its mean
--   labels              text = true  {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points
--   transitions_method  text = null  how transitions were counted; null is the commonest way of the data set
--   known               text = none  {none, random, gap}  a metric whose answer is known in the place of the metric: random numbers, or the gap with noise
--   draws               int = 2000   [100, 100000]        resamples of the intervals
-- columns:
--   dataset           text            data set
--   metric            text            metric of a model; the name of a test-point metric is its mean over test points
--   axis              text            spec field that alone varies; all is the mean over axes, Psi; all with lines enough is that over axes of 5 lines and more, where some have fewer
--   psi               real  [-1, 1]   mean over lines of Kendall's tau-a of metric and gap; ties count 0
--   psi_low           real  [-1, 1]   low end of its 95 % interval, lines resampled
--   psi_high          real  [-1, 1]   high end of its 95 % interval
--   null_high         real  [-1, 1]   95 % quantile of the same where the metric is dealt anew to the configurations
--   n_lines           int   [1, inf)  settings of the other axes with two configurations or more
--   n_configurations  int   [2, inf)  configurations on them; of all, configurations in all
--   n_pairs           int   [1, inf)  pairs of configurations compared
--   n_ties            int   [0, inf)  those among them that tie in metric or gap
-- then: statistics.axis_correlation
-- caution: with two levels an axis' tau is -1, 0 or 1; a pooled correlation without a positive Psi is that of one axis
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
