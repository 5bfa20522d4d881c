-- name: partial_correlation
-- question: Does a metric go with the gap beyond size, weights, training loss and doubt, and with models that did not fit?
-- grain: dataset, population, metric, control
-- parameters:
--   metric              names = jacobian_norm,logit_jacobian_norm,transitions  {v_models}  metrics of models; a test-point metric stands for its mean
--   labels              text = true  {true, random, all}  models trained on true labels, on random ones, or all
--   transitions_method  text = null  how transitions were counted; null is the commonest way of the data set
--   draws               int = 2000   [100, 100000]        resamples of the intervals
-- columns:
--   dataset           text            data set; all pools them, ranks taken within each
--   population        text            fitted models (training accuracy 1), or every model that did not diverge
--   metric            text            metric of a model; the name of a test-point metric is its mean over test points
--   control           text            what is held: none, one baseline, or all of them
--   n_models          int   [0, inf)  models that have metric, gap and controls
--   n_configurations  int   [0, inf)  configurations they belong to
--   spearman          real  [-1, 1]   rank correlation of metric and gap among the same models
--   partial           real  [-1, 1]   the same net of the control's ranks
--   partial_low       real  [-1, 1]   low end of its 95 % interval, configurations resampled, ranks held
--   partial_high      real  [-1, 1]   high end of its 95 % interval
--   fewest_models     int   [3, inf)  models the row needs
-- then: statistics.partial_correlation
-- caution: doubt on test points is an effect of generalization too: neither the plain nor the partial number is causal
-- source: paper.md 10, 13 and 14 (rows 12, 13 and 20)
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
        train_accuracy is not null
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

baseline as (
    select
        model_id,
        control,
        value
    from (
        select
            model_id,
            weight_norm::double as weight_norm,
            n_parameters::double as n_parameters,
            hidden_layers::double as hidden_layers,
            width::double as width,
            n_hidden_units::double as n_hidden_units,
            train_loss::double as train_loss,
            doubt_mean::double as doubt
        from v_models
    )
    unpivot include nulls (
        value for control in (weight_norm, n_parameters, hidden_layers, width, n_hidden_units, train_loss, doubt)
    )
    union all
    select
        model_id,
        'none' as control,
        null as value
    from v_models
),

populations as (
    select
        model_id,
        'all' as population
    from v_models
    union all
    select
        model_id,
        'fitted' as population
    from v_models
    where train_accuracy >= 1
)

select
    m.dataset as dataset,
    p.population as population,
    regexp_replace(m.metric, '_mean$', '') as metric,
    b.control as control,
    m.model_id::bigint as model_id,
    m.configuration_sha256 as configuration,
    m.value as value,
    m.gap as generalization_gap,
    b.value as baseline
from model_metric as m
inner join populations as p on m.model_id = p.model_id
inner join baseline as b on m.model_id = b.model_id
left join chosen_method as c on m.dataset = c.dataset
where
    m.metric not like 'transitions%'
    or m.counted_by is null
    or m.counted_by = c.method
order by m.dataset, p.population desc, list_position($metric, m.metric), b.control, m.model_id
