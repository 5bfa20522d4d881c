-- What queries/point_auroc.sql answers, from the ranks that the mirror sums for each model when its points are copied.
select
    m.dataset as dataset,
    r.metric as metric,
    r.model_id::bigint as model_id,
    m.configuration_sha256 as configuration,
    (r.wrong_ranks - r.n_wrong * (r.n_wrong + 1) / 2) / nullif(r.n_wrong * r.n_right, 0) as auroc,
    r.n_wrong as n_wrong,
    r.n_right as n_right
from model_point_ranks as r
inner join v_models as m on r.model_id = m.model_id
where
    list_contains($metric, r.metric)
    and m.train_accuracy >= $min_train_accuracy
    and case $labels when 'true' then m.label_noise = 0 when 'random' then m.label_noise = 1 else true end
order by m.dataset, list_position($metric, r.metric), r.model_id
