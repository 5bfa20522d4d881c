-- name: claim_contrasts
-- question: What are the paired numbers of the paper's claims that no other question answers?
-- grain: dataset, contrast
-- parameters:
--   draws  int = 2000  [100, 100000]  resamples of the intervals
-- columns:
--   dataset     text            data set
--   contrast    text            which claim's number
--   estimate    real            the number
--   low         real            low end of its 95 % interval, configurations resampled
--   high        real            high end of its 95 % interval
--   n_clusters  int   [0, inf)  configurations
--   unit        text            what was resampled
--   measure     text            what the number is
-- then: statistics.claim_contrasts
-- caution: of fitted models with true labels alone
-- source: paper.md 14, rows 1 to 4, 13 to 18, 20, 24 and 25
with population as (
    select
        model_id,
        dataset,
        configuration_sha256,
        generalization_gap,
        jacobian_norm_mean,
        logit_jacobian_norm_mean,
        transitions_mean,
        transitions_method as counted_by,
        doubt_mean,
        train_loss,
        n_parameters,
        n_hidden_units
    from v_models
    where train_accuracy >= 1 and stop_reason <> 'diverged' and label_noise = 0
),

chosen_method as (
    select
        dataset,
        counted_by as method
    from population
    where counted_by is not null
    group by dataset, counted_by
    qualify row_number() over (partition by dataset order by count(*) desc, counted_by) = 1
),

-- Positions 10, 31 and 52 of 63 are the ellipse's training points.
along as (
    select
        model_id,
        kind,
        position in (10, 31, 52) as at_anchor,
        avg(log10_jacobian_norm) as norm,
        avg(transitions) as transitions
    from v_trajectories
    group by model_id, kind, position in (10, 31, 52)
),

curves as (
    select
        model_id,
        max(norm) filter (where kind = 'random' and not at_anchor) as norm_random,
        max(norm) filter (where kind = 'different_classes' and at_anchor) as norm_anchor,
        max(norm) filter (where kind = 'different_classes' and not at_anchor) as norm_between,
        max(norm) filter (where kind = 'same_class' and not at_anchor) as norm_same,
        max(transitions) filter (where kind = 'random' and not at_anchor) as transitions_random,
        max(transitions) filter (where kind = 'different_classes' and at_anchor) as transitions_anchor,
        max(transitions) filter (where kind = 'different_classes' and not at_anchor) as transitions_between
    from along
    group by model_id
),

whole_curves as (
    select
        model_id,
        avg(transitions) filter (where kind = 'same_class') as same_class,
        avg(transitions) filter (where kind = 'different_classes') as different
    from v_trajectories
    group by model_id
),

plane as (
    select
        model_id,
        slice,
        max(density_at_points / nullif(density_mean, 0)) filter (where moment = 'after') as after,
        max(density_at_points / nullif(density_mean, 0)) filter (where moment = 'before') as before
    from v_regions
    where scope = 'last_hidden'
    group by model_id, slice
),

regions as (
    select
        model_id,
        avg(after / nullif(before, 0)) as ratio,
        avg(before) as before
    from plane
    group by model_id
),

by_loss as (
    select
        model_id,
        log10_jacobian_norm,
        ntile(10) over (partition by model_id order by loss, point_index) as decile
    from v_points
    where train_accuracy >= 1 and label_noise = 0 and log10_jacobian_norm is not null and loss is not null
),

by_norm as (
    select
        model_id,
        correct as is_right,
        ntile(10) over (partition by model_id order by jacobian_norm, point_index) as decile,
        rank() over (partition by model_id order by hash(model_id, point_index)) as random_rank
    from v_points
    where train_accuracy >= 1 and label_noise = 0 and jacobian_norm is not null
),

-- The AUROC of random numbers is that of their ranks, by the sum of those of wrong points (Mann and Whitney).
right_and_wrong as (
    select
        model_id,
        avg(is_right::integer) filter (where decile = 10) - avg(is_right::integer) as last_decile,
        (
            sum(random_rank) filter (where not is_right)
            - count(*) filter (where not is_right) * (count(*) filter (where not is_right) + 1) / 2
        ) / nullif(count(*) filter (where not is_right) * count(*) filter (where is_right), 0) as random_auroc
    from by_norm
    group by model_id
),

confident as (
    select
        model_id,
        quantile_cont(log10_jacobian_norm, 0.05) filter (where decile = 10) as top,
        quantile_cont(log10_jacobian_norm, 0.05) filter (where decile = 5) as middle
    from by_loss
    group by model_id
)

select
    p.dataset as dataset,
    p.configuration_sha256 as configuration,
    p.generalization_gap as gap,
    p.jacobian_norm_mean as jacobian_norm,
    p.logit_jacobian_norm_mean as logit_jacobian_norm,
    case when p.counted_by = t.method then p.transitions_mean end as transitions,
    case when p.counted_by = t.method then p.transitions_mean / nullif(p.n_hidden_units, 0) end as transitions_per_unit,
    p.n_hidden_units::double as n_hidden_units,
    p.doubt_mean as doubt,
    p.train_loss as train_loss,
    p.n_parameters::double as n_parameters,
    c.norm_random - c.norm_anchor as anchor_norm,
    c.transitions_anchor / nullif(c.transitions_random, 0) as anchor_transitions,
    c.transitions_between / nullif(c.transitions_random, 0) as between_transitions,
    c.norm_same - c.norm_between as same_class_norm,
    w.same_class / nullif(w.different, 0) as same_class_transitions,
    r.ratio as regions,
    r.before as regions_before,
    q.last_decile as last_decile,
    q.random_auroc as random_auroc,
    f.top - f.middle as confident_wrong
from population as p
left join chosen_method as t on p.dataset = t.dataset
left join curves as c on p.model_id = c.model_id
left join whole_curves as w on p.model_id = w.model_id
left join regions as r on p.model_id = r.model_id
left join right_and_wrong as q on p.model_id = q.model_id
left join confident as f on p.model_id = f.model_id
order by p.dataset, p.model_id
