-- name: trajectory_profile
-- question: Are models less sensitive at training points than between them and far from them?
-- grain: dataset, kind, position
-- parameters:
--   labels              text = true  {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points
-- columns:
--   dataset                   text               data set
--   kind                      text               ellipses at random, or through training points of different_classes or of the same_class
--   position                  int   [0, 62]      bin of the angle; 10, 31 and 52 have a training point in their middle, but for random
--   angle                     real  [0, 6.2832]  middle of the bin, radians
--   log10_jacobian_norm_mean  real  (-inf, inf)  mean over models of their mean log10 of the Jacobian norm there
--   transitions_mean          real  [0, inf)     mean over models of their mean number of code changes in the bin
--   log10_jacobian_norm_q05   real  (-inf, inf)  5 % quantile over models
--   log10_jacobian_norm_q95   real  (-inf, inf)  95 % quantile over models
--   transitions_q05           real  [0, inf)     5 % quantile over models
--   transitions_q95           real  [0, inf)     95 % quantile over models
--   n_trajectories            int   [1, inf)     ellipses of this kind, over all models
--   n_models                  int   [1, inf)     models that were measured along them
-- caution: models of different sizes are averaged as they are, and transitions grow with the number of units; --where takes one size
-- source: paper.md 1.6 and 4a, figure 2; measurement.md 3
with model_profile as (
    select
        dataset,
        kind,
        position,
        model_id,
        min(angle) as angle,
        favg(log10_jacobian_norm order by trajectory) as log10_jacobian_norm,
        favg(transitions order by trajectory) as transitions,
        count(*) as n_trajectories
    from v_trajectories
    where
        train_accuracy >= $min_train_accuracy
        and case $labels when 'true' then label_noise = 0 when 'random' then label_noise = 1 else true end
    group by dataset, kind, position, model_id
)

select
    dataset,
    kind,
    position::bigint as position,
    min(angle) as angle,
    favg(log10_jacobian_norm order by model_id) as log10_jacobian_norm_mean,
    favg(transitions order by model_id) as transitions_mean,
    quantile_cont(log10_jacobian_norm, 0.05) as log10_jacobian_norm_q05,
    quantile_cont(log10_jacobian_norm, 0.95) as log10_jacobian_norm_q95,
    quantile_cont(transitions, 0.05) as transitions_q05,
    quantile_cont(transitions, 0.95) as transitions_q95,
    sum(n_trajectories)::bigint as n_trajectories,
    count(*) as n_models
from model_profile
group by dataset, kind, position
order by dataset, kind, position
