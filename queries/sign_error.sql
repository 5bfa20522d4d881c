-- name: sign_error
-- question: Between configurations that differ in one axis, how often does a metric order the gaps wrongly, at worst?
-- grain: dataset, metric, axis
-- parameters:
--   metric              names = jacobian_norm,transitions,logit_jacobian_norm,n_parameters  {v_models}  metrics of models; a test-point metric stands for its mean
--   labels              text = true  {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points
--   transitions_method  text = null  how transitions were counted; null is the commonest way of the data set
--   weight              text = hoeffding  {hoeffding, paired}  how sure a difference of gaps is: by the number of test points, or by errors at the same points
--   known               text = none  {none, random, gap}  a metric whose answer is known in the place of the metric: random numbers, or the gap with noise
--   draws               int = 2000   [100, 100000]        resamples of the interval
--   min_ess             real = null  [0, inf]             effective pairs an environment needs; null is 12, or half the square of its replicas if that is less
-- columns:
--   dataset           text            data set
--   metric            text            metric of a model; the name of a test-point metric is its mean over test points
--   axis              text            spec field in which the configurations of an environment differ; all is every axis
--   n_environments    int   [0, inf)  pairs of configurations kept
--   error_mean        real  [0, 1]    mean over environments of the weighted share of replica pairs ordered wrongly
--   error_q90         real  [0, 1]    90 % quantile of the same
--   error_worst       real  [0, 1]    largest of the same: the robust sign error
--   ess_median        real  [0, inf)  median effective number of replica pairs an environment
--   weight            text            hoeffding or paired
--   n_below_ess       int   [0, inf)  environments with fewer effective pairs, left out
--   n_without_weight  int   [0, inf)  environments whose gaps do not differ beyond test noise, left out
--   null_mean         real  [0, 1]    error_mean of a random metric
--   null_worst        real  [0, 1]    mean of its error_worst
--   error_low         real  [0, 1]    low end of the 95 % interval of error_mean, configurations resampled
--   error_high        real  [0, 1]    high end of the 95 % interval
-- then: statistics.sign_error
-- caution: the largest of thousands of environments is noisy itself; compare with null_worst
-- source: paper.md 12 and 14 (row 23), Dziugaite et al.
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
),

points_right as (
    select
        model_id,
        string_agg(correct_int::varchar, '' order by point_index) as is_right
    from v_points
    where $weight = 'paired'
    group by model_id
)

select
    m.dataset as dataset,
    regexp_replace(m.metric, '_mean$', '') as metric,
    m.configuration_sha256 as configuration,
    m.value as value,
    m.gap as generalization_gap,
    $weight as weight,
    s.n_test_points as n_test_points,
    p.is_right as "right",
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
left join points_right as p on m.model_id = p.model_id
where
    m.metric not like 'transitions%'
    or m.counted_by is null
    or m.counted_by = c.method
order by m.dataset, list_position($metric, m.metric), m.model_id
