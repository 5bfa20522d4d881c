-- name: points_always_wrong
-- question: Which test points does every model get wrong, and how sensitive are the models there?
-- grain: dataset, point_index
-- parameters:
--   labels              text = true  {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points
--   min_share           real = 1     [0, 1]               points that at least this share of models gets wrong
-- columns:
--   dataset            text            data set
--   point_index        int   [0, inf)  number of the test point
--   label              int   [0, inf)  its class
--   commonest_answer   int   [0, inf)  the class that most of the models that are wrong there say
--   share_wrong        real  [0, 1]    share of models that get it wrong
--   share_commonest    real  [0, 1]    share of models that say the commonest wrong class
--   log10_norm_median  real            median over models of log10 of the Jacobian norm there
--   norm_place_mean    real  [0, 1]    mean over models of the share of their points with a smaller norm
--   doubt_mean         real  [0, 1]    mean over models of 1 - the largest probability there
--   n_models           int   [1, inf)  models measured there
-- caution: with few models many points are wrong in all of them by chance; a wrong label looks like a hard point
-- source: paper.md 6 and 13: the same hard points recur in all models
with answered as (
    select
        dataset,
        model_id,
        point_index,
        label,
        predicted,
        correct_int,
        doubt,
        log10_jacobian_norm,
        percent_rank() over (partition by model_id order by jacobian_norm) as norm_place
    from v_points
    where
        train_accuracy >= $min_train_accuracy
        and case $labels when 'true' then label_noise = 0 when 'random' then label_noise = 1 else true end
)

select
    dataset,
    point_index::bigint as point_index,
    min(label)::bigint as label,
    min(mode_wrong)::bigint as commonest_answer,
    avg(1 - correct_int) as share_wrong,
    avg((predicted = mode_wrong)::integer) as share_commonest,
    quantile_cont(log10_jacobian_norm, 0.5)::double as log10_norm_median,
    favg(norm_place order by model_id) as norm_place_mean,
    favg(doubt order by model_id)::double as doubt_mean,
    count(*) as n_models
from (
    select
        a.*,
        mode(predicted order by predicted) filter (where correct_int = 0) over (
            partition by dataset, point_index
        ) as mode_wrong
    from answered as a
)
group by dataset, point_index
having avg(1 - correct_int) >= $min_share and avg(1 - correct_int) > 0
order by dataset, share_wrong desc, point_index
