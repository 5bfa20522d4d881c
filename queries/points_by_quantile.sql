-- name: points_by_quantile
-- question: Are the test points with a large Jacobian norm the ones a model gets wrong?
-- grain: dataset, quantile
-- parameters:
--   quantiles           int = 10     [2, 100]             number of equal groups of a model's points
--   labels              text = true  {true, random, all}  models trained on true labels, on random ones, or all
--   min_train_accuracy  real = 1     [0, 1]               models at least this accurate on their training points
-- columns:
--   dataset             text            data set
--   quantile            int   [1, 100]  1 holds the smallest norms; points are ranked within their model
--   n_points            int   [1, inf)  points in the group, over all models
--   jacobian_norm_mean  real  [0, inf)  mean over models of the group's mean |d softmax(f(x))/dx|_F, standardised input
--   accuracy            real  [0, 1]    mean over models of the share of right points in the group
--   loss_mean           real  [0, inf)  mean over models of the group's mean cross-entropy
--   loss_share          real  [0, 1]    mean over models of the group's share of the model's loss over all points
--   accuracy_q05        real  [0, 1]    5 % quantile over models of the group's accuracy
--   accuracy_q95        real  [0, 1]    95 % quantile over models of the group's accuracy
--   n_models            int   [1, inf)  models that have points in the group
-- caution: points of one model are not independent, and confident wrong points have small norms; no p-value is given
-- source: paper.md 1.1, 4e and 13; deciles within a model, then the mean over models
with ranked as (
    select
        dataset,
        model_id,
        jacobian_norm,
        correct_int,
        loss,
        ntile($quantiles) over (partition by model_id order by jacobian_norm, point_index) as quantile,
        point_index
    from v_points
    where
        jacobian_norm is not null
        and train_accuracy >= $min_train_accuracy
        and case $labels when 'true' then label_noise = 0 when 'random' then label_noise = 1 else true end
),

model_quantile as (
    select
        dataset,
        model_id,
        quantile,
        count(*) as n_points,
        favg(jacobian_norm order by point_index) as jacobian_norm_mean,
        avg(correct_int) as accuracy,
        favg(loss order by point_index) as loss_mean,
        fsum(loss order by point_index) as loss_sum
    from ranked
    group by dataset, model_id, quantile
),

model_share as (
    select
        dataset,
        model_id,
        quantile,
        n_points,
        jacobian_norm_mean,
        accuracy,
        loss_mean,
        loss_sum / nullif(
            sum(loss_sum) over (
                partition by model_id order by quantile rows between unbounded preceding and unbounded following
            ),
            0
        ) as loss_share
    from model_quantile
)

select
    dataset,
    quantile,
    sum(n_points)::bigint as n_points,
    favg(jacobian_norm_mean order by model_id) as jacobian_norm_mean,
    favg(accuracy order by model_id) as accuracy,
    favg(loss_mean order by model_id) as loss_mean,
    favg(loss_share order by model_id) as loss_share,
    quantile_cont(accuracy, 0.05) as accuracy_q05,
    quantile_cont(accuracy, 0.95) as accuracy_q95,
    count(*) as n_models
from model_share
group by dataset, quantile
order by dataset, quantile
