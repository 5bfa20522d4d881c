BEGIN TRANSACTION;
CREATE TABLE artifacts (
	artifact_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	model_id INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	uri TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	bytes INTEGER NOT NULL, 
	CONSTRAINT fk_artifacts_model_id_models FOREIGN KEY(model_id) REFERENCES models (model_id), 
	CONSTRAINT ck_artifacts_artifact_id_range CHECK (artifact_id BETWEEN 1 AND 9007199254740991), 
	CONSTRAINT ck_artifacts_kind CHECK (kind IN ('weights', 'regions')), 
	CONSTRAINT ck_artifacts_sha256_length CHECK (length(sha256) = 64), 
	CONSTRAINT ck_artifacts_bytes_range CHECK (bytes BETWEEN 0 AND 9007199254740991)
)
 STRICT

;
INSERT INTO "artifacts" VALUES(1,1,'weights','kept/by/hand','0000000000000000000000000000000000000000000000000000000000000000',10);
CREATE TABLE attempts (
	model_id INTEGER NOT NULL, 
	attempt INTEGER NOT NULL, 
	kind TEXT NOT NULL, 
	worker_id TEXT NOT NULL, 
	claimed_at TEXT NOT NULL, 
	ended_at TEXT, 
	outcome TEXT, 
	error_type TEXT, 
	error_message TEXT, 
	traceback TEXT, 
	CONSTRAINT pk_attempts PRIMARY KEY (model_id, attempt), 
	CONSTRAINT fk_attempts_model_id_models FOREIGN KEY(model_id) REFERENCES models (model_id), 
	CONSTRAINT ck_attempts_attempt_from_1 CHECK (attempt >= 1), 
	CONSTRAINT ck_attempts_ended_exactly_with_an_outcome CHECK ((outcome IS NULL) = (ended_at IS NULL)), 
	CONSTRAINT ck_attempts_kind CHECK (kind IN ('train', 'measure')), 
	CONSTRAINT ck_attempts_claimed_at_form CHECK (length(claimed_at) = 26), 
	CONSTRAINT ck_attempts_ended_at_form CHECK (length(ended_at) = 26), 
	CONSTRAINT ck_attempts_outcome CHECK (outcome IN ('done', 'failed', 'released', 'lost'))
)
 STRICT

;
INSERT INTO "attempts" VALUES(1,1,'train','worker','2026-11-27 21:49:25.365000','2026-11-27 21:49:25.768000','done',NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(2,1,'train','worker','2026-11-27 21:49:25.382000','2026-11-27 21:49:25.768000','done',NULL,NULL,NULL);
INSERT INTO "attempts" VALUES(3,1,'train','worker','2026-11-27 21:49:25.425000','2026-11-27 21:49:25.833000','failed','ShapeError','it''s ''quoted''; -- no comment','...');
INSERT INTO "attempts" VALUES(4,1,'train','worker','2026-11-27 21:49:25.852000',NULL,NULL,NULL,NULL,NULL);
CREATE TABLE data_dictionary (
	table_name TEXT NOT NULL, 
	column_name TEXT NOT NULL, 
	data_type TEXT NOT NULL, 
	unit TEXT NOT NULL, 
	description TEXT NOT NULL, 
	CONSTRAINT pk_data_dictionary PRIMARY KEY (table_name, column_name)
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "data_dictionary" VALUES('artifacts','','','','Files that belong to models; one row a file.');
INSERT INTO "data_dictionary" VALUES('artifacts','artifact_id','integer','','Number of the artifact, given by the database.');
INSERT INTO "data_dictionary" VALUES('artifacts','bytes','integer','bytes','Size of the file.');
INSERT INTO "data_dictionary" VALUES('artifacts','kind','text','','weights or regions.');
INSERT INTO "data_dictionary" VALUES('artifacts','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('artifacts','sha256','text','','SHA-256 of the file.');
INSERT INTO "data_dictionary" VALUES('artifacts','uri','text','','Name of the file within the artifact folder or URL, SENSDB_ARTIFACTS.');
INSERT INTO "data_dictionary" VALUES('attempts','','','','One try at a job by one worker; one row a model and attempt.');
INSERT INTO "data_dictionary" VALUES('attempts','attempt','integer','','Number of the attempt, from 1.');
INSERT INTO "data_dictionary" VALUES('attempts','claimed_at','timestamp','','When the attempt began.');
INSERT INTO "data_dictionary" VALUES('attempts','ended_at','timestamp','','When the attempt ended; NULL while it runs.');
INSERT INTO "data_dictionary" VALUES('attempts','error_message','text','','Its message.');
INSERT INTO "data_dictionary" VALUES('attempts','error_type','text','','Name of the exception that ended the attempt.');
INSERT INTO "data_dictionary" VALUES('attempts','kind','text','','What was tried: train or measure.');
INSERT INTO "data_dictionary" VALUES('attempts','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('attempts','outcome','text','','done, failed (an exception), released (given back uncharged), lost (the worker fell silent), or NULL.');
INSERT INTO "data_dictionary" VALUES('attempts','traceback','text','','Its traceback.');
INSERT INTO "data_dictionary" VALUES('attempts','worker_id','text','','The worker that tried.');
INSERT INTO "data_dictionary" VALUES('data_dictionary','','','','What every table, view and column means; one row each.');
INSERT INTO "data_dictionary" VALUES('data_dictionary','column_name','text','','Column; empty in the row that describes the table or view itself.');
INSERT INTO "data_dictionary" VALUES('data_dictionary','data_type','text','','text, integer, real, boolean or timestamp; empty for a table or view.');
INSERT INTO "data_dictionary" VALUES('data_dictionary','description','text','','What it means.');
INSERT INTO "data_dictionary" VALUES('data_dictionary','table_name','text','','Table or view.');
INSERT INTO "data_dictionary" VALUES('data_dictionary','unit','text','','Unit of the numbers; empty where they have none.');
INSERT INTO "data_dictionary" VALUES('database_identity','','','','Which database this is; one row.');
INSERT INTO "data_dictionary" VALUES('database_identity','created_at','timestamp','','When the database was created.');
INSERT INTO "data_dictionary" VALUES('database_identity','id','integer','','Always 1: the table has one row.');
INSERT INTO "data_dictionary" VALUES('database_identity','identity','text','','Random UUID of this database; a mirror is kept for each.');
INSERT INTO "data_dictionary" VALUES('dataset_points','','','','Labels of the data sets; one row a point.');
INSERT INTO "data_dictionary" VALUES('dataset_points','dataset','text','','The data set; key of table datasets.');
INSERT INTO "data_dictionary" VALUES('dataset_points','label','integer','','True class, from 0.');
INSERT INTO "data_dictionary" VALUES('dataset_points','point_index','integer','','Position in the official order of its split, from 0.');
INSERT INTO "data_dictionary" VALUES('dataset_points','split','text','','train or test.');
INSERT INTO "data_dictionary" VALUES('datasets','','','','Data sets that models were trained on; one row a data set.');
INSERT INTO "data_dictionary" VALUES('datasets','channels','integer','','Colour channels of an image.');
INSERT INTO "data_dictionary" VALUES('datasets','checksum','text','','SHA-256 of the arrays; NULL until a worker has read them.');
INSERT INTO "data_dictionary" VALUES('datasets','dataset','text','','Data set: a built-in name, or npz: and the SHA-256 of the arrays.');
INSERT INTO "data_dictionary" VALUES('datasets','height','integer','pixels','Height of an image.');
INSERT INTO "data_dictionary" VALUES('datasets','last_path','text','','Where an .npz file lay when it was last enqueued.');
INSERT INTO "data_dictionary" VALUES('datasets','n_classes','integer','','Classes.');
INSERT INTO "data_dictionary" VALUES('datasets','n_test','integer','points','Test points.');
INSERT INTO "data_dictionary" VALUES('datasets','n_train','integer','points','Training points.');
INSERT INTO "data_dictionary" VALUES('datasets','name','text','','Name to show: the built-in name, or the file''s stem.');
INSERT INTO "data_dictionary" VALUES('datasets','width','integer','pixels','Width of an image.');
INSERT INTO "data_dictionary" VALUES('jobs','','','','A model''s place in the queue; one row a model.');
INSERT INTO "data_dictionary" VALUES('jobs','attempt','integer','','Number of the last attempt; never lowered or given out twice.');
INSERT INTO "data_dictionary" VALUES('jobs','cancel_requested','boolean','','Whether a running job is to be given up.');
INSERT INTO "data_dictionary" VALUES('jobs','exceptions','integer','','Attempts that ended in an exception, since the last retry.');
INSERT INTO "data_dictionary" VALUES('jobs','finished_at','timestamp','','When the job became done, dead or cancelled.');
INSERT INTO "data_dictionary" VALUES('jobs','held','boolean','','Whether every sweep of the model is paused; a held job is not claimed.');
INSERT INTO "data_dictionary" VALUES('jobs','kind','text','','What is to be done: train (and measure), or measure stored weights.');
INSERT INTO "data_dictionary" VALUES('jobs','lease_until','timestamp','','When the running worker counts as lost; NULL unless running.');
INSERT INTO "data_dictionary" VALUES('jobs','losses','integer','','Attempts whose worker was lost, since the last retry.');
INSERT INTO "data_dictionary" VALUES('jobs','measure','text','','What to measure: the union over the model''s sweeps, canonical JSON.');
INSERT INTO "data_dictionary" VALUES('jobs','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('jobs','pack_key','text','','Jobs of one pack_key can be trained as one pack.');
INSERT INTO "data_dictionary" VALUES('jobs','priority','integer','','Higher is claimed first; the largest of its sweeps.');
INSERT INTO "data_dictionary" VALUES('jobs','run_after','timestamp','','Not claimed before this moment.');
INSERT INTO "data_dictionary" VALUES('jobs','state','text','','queued, running, done, dead (a budget is spent) or cancelled.');
INSERT INTO "data_dictionary" VALUES('jobs','worker_id','text','','The worker that runs it, or that ran it last; NULL when queued again.');
INSERT INTO "data_dictionary" VALUES('model_metrics','','','','The result of a model: a result is there if and only if its row here is.');
INSERT INTO "data_dictionary" VALUES('model_metrics','attempt','integer','','The attempt that stored it.');
INSERT INTO "data_dictionary" VALUES('model_metrics','boundary_distance_mean','real','units of standardised input','boundary_distance, mean over the test points measured. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('model_metrics','boundary_distance_mean_right','real','units of standardised input','boundary_distance, mean over the test points the model classifies correctly. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('model_metrics','boundary_distance_mean_train','real','units of standardised input','boundary_distance, mean over a fixed sample of the training points. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('model_metrics','boundary_distance_median','real','units of standardised input','boundary_distance, median over the test points measured. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('model_metrics','boundary_distance_q05','real','units of standardised input','boundary_distance, 5 % quantile over the test points measured. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('model_metrics','boundary_distance_q25','real','units of standardised input','boundary_distance, 25 % quantile over the test points measured. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('model_metrics','boundary_distance_q75','real','units of standardised input','boundary_distance, 75 % quantile over the test points measured. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('model_metrics','boundary_distance_q95','real','units of standardised input','boundary_distance, 95 % quantile over the test points measured. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('model_metrics','device_class','text','','Class of the device that trained.');
INSERT INTO "data_dictionary" VALUES('model_metrics','doubt_mean','real','','doubt, mean over the test points measured. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','doubt_mean_right','real','','doubt, mean over the test points the model classifies correctly. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','doubt_mean_train','real','','doubt, mean over a fixed sample of the training points. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','doubt_median','real','','doubt, median over the test points measured. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','doubt_q05','real','','doubt, 5 % quantile over the test points measured. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','doubt_q25','real','','doubt, 25 % quantile over the test points measured. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','doubt_q75','real','','doubt, 75 % quantile over the test points measured. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','doubt_q95','real','','doubt, 95 % quantile over the test points measured. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','engine_version','text','','Version of the training engine; with device_class and spec it fixes the bits.');
INSERT INTO "data_dictionary" VALUES('model_metrics','entropy_mean','real','nats','entropy, mean over the test points measured. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('model_metrics','entropy_mean_right','real','nats','entropy, mean over the test points the model classifies correctly. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('model_metrics','entropy_mean_train','real','nats','entropy, mean over a fixed sample of the training points. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('model_metrics','entropy_median','real','nats','entropy, median over the test points measured. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('model_metrics','entropy_q05','real','nats','entropy, 5 % quantile over the test points measured. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('model_metrics','entropy_q25','real','nats','entropy, 25 % quantile over the test points measured. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('model_metrics','entropy_q75','real','nats','entropy, 75 % quantile over the test points measured. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('model_metrics','entropy_q95','real','nats','entropy, 95 % quantile over the test points measured. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('model_metrics','fitted','boolean','','Whether every training point was classified as its training label at the end.');
INSERT INTO "data_dictionary" VALUES('model_metrics','generalization_gap','real','','Training accuracy minus test accuracy, at the end of training.');
INSERT INTO "data_dictionary" VALUES('model_metrics','input_gradient_norm_mean','real','nats per unit of standardised input','input_gradient_norm, mean over the test points measured. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('model_metrics','input_gradient_norm_mean_right','real','nats per unit of standardised input','input_gradient_norm, mean over the test points the model classifies correctly. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('model_metrics','input_gradient_norm_mean_train','real','nats per unit of standardised input','input_gradient_norm, mean over a fixed sample of the training points. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('model_metrics','input_gradient_norm_median','real','nats per unit of standardised input','input_gradient_norm, median over the test points measured. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('model_metrics','input_gradient_norm_q05','real','nats per unit of standardised input','input_gradient_norm, 5 % quantile over the test points measured. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('model_metrics','input_gradient_norm_q25','real','nats per unit of standardised input','input_gradient_norm, 25 % quantile over the test points measured. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('model_metrics','input_gradient_norm_q75','real','nats per unit of standardised input','input_gradient_norm, 75 % quantile over the test points measured. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('model_metrics','input_gradient_norm_q95','real','nats per unit of standardised input','input_gradient_norm, 95 % quantile over the test points measured. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_norm_mean','real','probability per unit of standardised input','jacobian_norm, mean over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_norm_mean_right','real','probability per unit of standardised input','jacobian_norm, mean over the test points the model classifies correctly. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_norm_mean_train','real','probability per unit of standardised input','jacobian_norm, mean over a fixed sample of the training points. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_norm_median','real','probability per unit of standardised input','jacobian_norm, median over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_norm_q05','real','probability per unit of standardised input','jacobian_norm, 5 % quantile over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_norm_q25','real','probability per unit of standardised input','jacobian_norm, 25 % quantile over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_norm_q75','real','probability per unit of standardised input','jacobian_norm, 75 % quantile over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_norm_q95','real','probability per unit of standardised input','jacobian_norm, 95 % quantile over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_spectral_norm_mean','real','probability per unit of standardised input','jacobian_spectral_norm, mean over the test points measured. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_spectral_norm_mean_right','real','probability per unit of standardised input','jacobian_spectral_norm, mean over the test points the model classifies correctly. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_spectral_norm_mean_train','real','probability per unit of standardised input','jacobian_spectral_norm, mean over a fixed sample of the training points. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_spectral_norm_median','real','probability per unit of standardised input','jacobian_spectral_norm, median over the test points measured. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_spectral_norm_q05','real','probability per unit of standardised input','jacobian_spectral_norm, 5 % quantile over the test points measured. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_spectral_norm_q25','real','probability per unit of standardised input','jacobian_spectral_norm, 25 % quantile over the test points measured. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_spectral_norm_q75','real','probability per unit of standardised input','jacobian_spectral_norm, 75 % quantile over the test points measured. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','jacobian_spectral_norm_q95','real','probability per unit of standardised input','jacobian_spectral_norm, 95 % quantile over the test points measured. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','log10_jacobian_norm_mean','real','log10 of probability per unit of standardised input','log10_jacobian_norm, mean over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('model_metrics','log10_jacobian_norm_mean_right','real','log10 of probability per unit of standardised input','log10_jacobian_norm, mean over the test points the model classifies correctly. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('model_metrics','log10_jacobian_norm_mean_train','real','log10 of probability per unit of standardised input','log10_jacobian_norm, mean over a fixed sample of the training points. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('model_metrics','log10_jacobian_norm_median','real','log10 of probability per unit of standardised input','log10_jacobian_norm, median over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('model_metrics','log10_jacobian_norm_q05','real','log10 of probability per unit of standardised input','log10_jacobian_norm, 5 % quantile over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('model_metrics','log10_jacobian_norm_q25','real','log10 of probability per unit of standardised input','log10_jacobian_norm, 25 % quantile over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('model_metrics','log10_jacobian_norm_q75','real','log10 of probability per unit of standardised input','log10_jacobian_norm, 75 % quantile over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('model_metrics','log10_jacobian_norm_q95','real','log10 of probability per unit of standardised input','log10_jacobian_norm, 95 % quantile over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('model_metrics','log10_weight_norm_product','real','','Base-10 logarithm of the product of the layers'' Frobenius norms.');
INSERT INTO "data_dictionary" VALUES('model_metrics','log10_weight_spectral_norm_product','real','','Base-10 logarithm of the product of the layers'' largest singular values.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_norm_mean','real','logit per unit of standardised input','logit_jacobian_norm, mean over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_norm_mean_right','real','logit per unit of standardised input','logit_jacobian_norm, mean over the test points the model classifies correctly. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_norm_mean_train','real','logit per unit of standardised input','logit_jacobian_norm, mean over a fixed sample of the training points. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_norm_median','real','logit per unit of standardised input','logit_jacobian_norm, median over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_norm_q05','real','logit per unit of standardised input','logit_jacobian_norm, 5 % quantile over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_norm_q25','real','logit per unit of standardised input','logit_jacobian_norm, 25 % quantile over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_norm_q75','real','logit per unit of standardised input','logit_jacobian_norm, 75 % quantile over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_norm_q95','real','logit per unit of standardised input','logit_jacobian_norm, 95 % quantile over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_spectral_norm_mean','real','logit per unit of standardised input','logit_jacobian_spectral_norm, mean over the test points measured. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_spectral_norm_mean_right','real','logit per unit of standardised input','logit_jacobian_spectral_norm, mean over the test points the model classifies correctly. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_spectral_norm_mean_train','real','logit per unit of standardised input','logit_jacobian_spectral_norm, mean over a fixed sample of the training points. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_spectral_norm_median','real','logit per unit of standardised input','logit_jacobian_spectral_norm, median over the test points measured. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_spectral_norm_q05','real','logit per unit of standardised input','logit_jacobian_spectral_norm, 5 % quantile over the test points measured. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_spectral_norm_q25','real','logit per unit of standardised input','logit_jacobian_spectral_norm, 25 % quantile over the test points measured. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_spectral_norm_q75','real','logit per unit of standardised input','logit_jacobian_spectral_norm, 75 % quantile over the test points measured. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','logit_jacobian_spectral_norm_q95','real','logit per unit of standardised input','logit_jacobian_spectral_norm, 95 % quantile over the test points measured. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('model_metrics','loss_mean','real','nats','loss, mean over the test points measured. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('model_metrics','loss_mean_right','real','nats','loss, mean over the test points the model classifies correctly. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('model_metrics','loss_mean_train','real','nats','loss, mean over a fixed sample of the training points. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('model_metrics','loss_median','real','nats','loss, median over the test points measured. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('model_metrics','loss_q05','real','nats','loss, 5 % quantile over the test points measured. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('model_metrics','loss_q25','real','nats','loss, 25 % quantile over the test points measured. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('model_metrics','loss_q75','real','nats','loss, 75 % quantile over the test points measured. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('model_metrics','loss_q95','real','nats','loss, 95 % quantile over the test points measured. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('model_metrics','margin_mean','real','logits','margin, mean over the test points measured. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('model_metrics','margin_mean_right','real','logits','margin, mean over the test points the model classifies correctly. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('model_metrics','margin_mean_train','real','logits','margin, mean over a fixed sample of the training points. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('model_metrics','margin_median','real','logits','margin, median over the test points measured. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('model_metrics','margin_q05','real','logits','margin, 5 % quantile over the test points measured. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('model_metrics','margin_q25','real','logits','margin, 25 % quantile over the test points measured. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('model_metrics','margin_q75','real','logits','margin, 75 % quantile over the test points measured. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('model_metrics','margin_q95','real','logits','margin, 95 % quantile over the test points measured. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('model_metrics','measure_seconds','real','seconds','Wall-clock time of measuring, this model''s share of its pack.');
INSERT INTO "data_dictionary" VALUES('model_metrics','measured_on','text','','Class of the device that measured.');
INSERT INTO "data_dictionary" VALUES('model_metrics','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('model_metrics','n_points_stored','integer','points','Rows this model has in point_metrics.');
INSERT INTO "data_dictionary" VALUES('model_metrics','n_zero_jacobian','integer','points','Measured test points whose Jacobian is exactly 0.');
INSERT INTO "data_dictionary" VALUES('model_metrics','result_id','text','','Random UUID of this result; a model measured again gets a new one.');
INSERT INTO "data_dictionary" VALUES('model_metrics','steps','integer','steps','Steps of the optimizer taken until training ended.');
INSERT INTO "data_dictionary" VALUES('model_metrics','stop_reason','text','','Why training ended: budget, fitted, loss, converged, diverged, imported.');
INSERT INTO "data_dictionary" VALUES('model_metrics','test_accuracy','real','','Share of all test points that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('model_metrics','test_loss','real','nats','Mean of loss over all test points.');
INSERT INTO "data_dictionary" VALUES('model_metrics','train_accuracy','real','','Share of all training points used that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('model_metrics','train_loss','real','','Mean of the training loss over all training points used, in the loss''s unit.');
INSERT INTO "data_dictionary" VALUES('model_metrics','train_seconds','real','seconds','Wall-clock time of training, this model''s share of its pack.');
INSERT INTO "data_dictionary" VALUES('model_metrics','transitions_mean','real','crossings','transitions, mean over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('model_metrics','transitions_mean_right','real','crossings','transitions, mean over the test points the model classifies correctly. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('model_metrics','transitions_mean_train','real','crossings','transitions, mean over a fixed sample of the training points. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('model_metrics','transitions_median','real','crossings','transitions, median over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('model_metrics','transitions_method','text','','How transitions were counted: exact, sampled:k or extrapolated:k with k points a path; NULL where not.');
INSERT INTO "data_dictionary" VALUES('model_metrics','transitions_points','integer','points','Test points whose transitions were counted.');
INSERT INTO "data_dictionary" VALUES('model_metrics','transitions_q05','real','crossings','transitions, 5 % quantile over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('model_metrics','transitions_q25','real','crossings','transitions, 25 % quantile over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('model_metrics','transitions_q75','real','crossings','transitions, 75 % quantile over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('model_metrics','transitions_q95','real','crossings','transitions, 95 % quantile over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('model_metrics','weight_norm','real','','Euclidean norm of all weights, biases left out.');
INSERT INTO "data_dictionary" VALUES('models','','','','One spec, trained at most once; one row a model, before and after it is trained.');
INSERT INTO "data_dictionary" VALUES('models','augmentation','text','','Augmentations in fixed order joined by commas, or none.');
INSERT INTO "data_dictionary" VALUES('models','batch_size','integer','points','Training points a step; NULL for the full batch.');
INSERT INTO "data_dictionary" VALUES('models','biases','boolean','','Whether layers have biases.');
INSERT INTO "data_dictionary" VALUES('models','configuration_sha256','text','','SHA-256 of the canonical spec without its seed; replicas share it.');
INSERT INTO "data_dictionary" VALUES('models','created_at','timestamp','','When the model was first enqueued.');
INSERT INTO "data_dictionary" VALUES('models','crop','integer','pixels','Side of the centre crop; NULL means none.');
INSERT INTO "data_dictionary" VALUES('models','dataset','text','','Data set: a built-in name, or npz: and the SHA-256 of the arrays.');
INSERT INTO "data_dictionary" VALUES('models','dtype','text','','Number format of training: float32 or float64.');
INSERT INTO "data_dictionary" VALUES('models','full_batch','boolean','','Whether each step uses all training points.');
INSERT INTO "data_dictionary" VALUES('models','hidden_layers','integer','','Hidden layers; the paper''s depth minus one.');
INSERT INTO "data_dictionary" VALUES('models','input_size','integer','','Inputs of the network: height x width x channels after cropping.');
INSERT INTO "data_dictionary" VALUES('models','label_noise','real','','Share of training labels redrawn at random; 1 is random labels.');
INSERT INTO "data_dictionary" VALUES('models','learning_rate','real','','Initial learning rate; NULL for lbfgs.');
INSERT INTO "data_dictionary" VALUES('models','learning_rate_drop_epochs','integer','epochs','Epochs after which the learning rate is multiplied by 0.1, again and again; NULL means never.');
INSERT INTO "data_dictionary" VALUES('models','loss','text','','Training loss: cross_entropy or squared.');
INSERT INTO "data_dictionary" VALUES('models','max_steps','integer','steps','Steps after which training ends in any case.');
INSERT INTO "data_dictionary" VALUES('models','model_id','integer','','Number of the model, given by the database; a smaller one is older.');
INSERT INTO "data_dictionary" VALUES('models','momentum','real','','Momentum; NULL unless the optimizer is momentum.');
INSERT INTO "data_dictionary" VALUES('models','n_classes','integer','','Classes of the data set.');
INSERT INTO "data_dictionary" VALUES('models','n_hidden_units','integer','','Hidden units of the network.');
INSERT INTO "data_dictionary" VALUES('models','n_parameters','integer','','Weights and biases of the network.');
INSERT INTO "data_dictionary" VALUES('models','n_test_points','integer','points','Test points of the data set.');
INSERT INTO "data_dictionary" VALUES('models','n_train','integer','','Training points asked for; NULL means all.');
INSERT INTO "data_dictionary" VALUES('models','n_train_points','integer','points','Training points used.');
INSERT INTO "data_dictionary" VALUES('models','nonlinearity','text','','Nonlinearity of the hidden units.');
INSERT INTO "data_dictionary" VALUES('models','optimizer','text','','Optimizer; NULL for an imported network.');
INSERT INTO "data_dictionary" VALUES('models','seed','integer','','Seed of weights, batches, label noise and augmentation.');
INSERT INTO "data_dictionary" VALUES('models','source_sha256','text','','SHA-256 of an imported network''s file; NULL where trained here.');
INSERT INTO "data_dictionary" VALUES('models','spec','text','','The spec in its canonical form, JSON with sorted keys and every default filled in.');
INSERT INTO "data_dictionary" VALUES('models','spec_sha256','text','','SHA-256 of the canonical spec; equal networks have equal ones.');
INSERT INTO "data_dictionary" VALUES('models','stop_loss','real','','Training loss below which training ends; NULL unless stop_rule is loss.');
INSERT INTO "data_dictionary" VALUES('models','stop_rule','text','','What may end training earlier: never, fitted, or loss.');
INSERT INTO "data_dictionary" VALUES('models','weight_scale','real','','Factor on the standard deviation of the initial weights.');
INSERT INTO "data_dictionary" VALUES('models','width','integer','','Units of each hidden layer; NULL where they differ or there is none.');
INSERT INTO "data_dictionary" VALUES('models','widths','text','','Units of the hidden layers, first to last, as a JSON list.');
INSERT INTO "data_dictionary" VALUES('point_metrics','','','','One row a model and test point.');
INSERT INTO "data_dictionary" VALUES('point_metrics','boundary_distance','real','units of standardised input','Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('point_metrics','correct','boolean','','Whether the predicted class is the label.');
INSERT INTO "data_dictionary" VALUES('point_metrics','doubt','real','','1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('point_metrics','entropy','real','nats','Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('point_metrics','input_gradient_norm','real','nats per unit of standardised input','Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('point_metrics','jacobian_norm','real','probability per unit of standardised input','Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('point_metrics','jacobian_spectral_norm','real','probability per unit of standardised input','Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('point_metrics','label','integer','','The test point''s true class, from 0.');
INSERT INTO "data_dictionary" VALUES('point_metrics','log10_jacobian_norm','real','log10 of probability per unit of standardised input','Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('point_metrics','logit_jacobian_norm','real','logit per unit of standardised input','Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('point_metrics','logit_jacobian_spectral_norm','real','logit per unit of standardised input','Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('point_metrics','loss','real','nats','The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('point_metrics','margin','real','logits','The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('point_metrics','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('point_metrics','point_index','integer','','Position of the test point in its data set, from 0.');
INSERT INTO "data_dictionary" VALUES('point_metrics','predicted','integer','','The class with the largest logit; the first of them where several are equal.');
INSERT INTO "data_dictionary" VALUES('point_metrics','transitions','integer','crossings','Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('queue_settings','','','','What all workers must agree on, read by each at its start; one row.');
INSERT INTO "data_dictionary" VALUES('queue_settings','beat_seconds','real','s','Time between two beats of a worker.');
INSERT INTO "data_dictionary" VALUES('queue_settings','exception_budget','integer','','Exceptions after which a job is dead.');
INSERT INTO "data_dictionary" VALUES('queue_settings','id','integer','','Always 1: the table has one row.');
INSERT INTO "data_dictionary" VALUES('queue_settings','lease_seconds','real','s','How long a job stays with a worker that is not heard from.');
INSERT INTO "data_dictionary" VALUES('queue_settings','loss_budget','integer','','Lost workers after which a job is dead.');
INSERT INTO "data_dictionary" VALUES('queue_settings','poll_seconds','real','s','First pause of a worker that found nothing to claim.');
INSERT INTO "data_dictionary" VALUES('queue_settings','reap_seconds','real','s','Time between two looks of a worker for lapsed leases.');
INSERT INTO "data_dictionary" VALUES('region_slices','','','','Linear regions on planes through training points; one row a model, plane, moment and scope.');
INSERT INTO "data_dictionary" VALUES('region_slices','artifact_id','integer','','The stored picture; key of table artifacts.');
INSERT INTO "data_dictionary" VALUES('region_slices','density_at_points','real','1/length','Length of region boundaries an area, near the training points.');
INSERT INTO "data_dictionary" VALUES('region_slices','density_mean','real','1/length','Length of region boundaries an area, over the window.');
INSERT INTO "data_dictionary" VALUES('region_slices','method','text','','How regions were found: exact or pixels.');
INSERT INTO "data_dictionary" VALUES('region_slices','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('region_slices','moment','text','','before or after training.');
INSERT INTO "data_dictionary" VALUES('region_slices','n_regions','integer','','Linear regions in the window.');
INSERT INTO "data_dictionary" VALUES('region_slices','scope','text','','Units whose regions are meant: last_hidden or all.');
INSERT INTO "data_dictionary" VALUES('region_slices','slice','integer','','Number of the plane, from 0.');
INSERT INTO "data_dictionary" VALUES('sweep_definitions','','','','Every text a sweep was enqueued with; one row a sweep and text.');
INSERT INTO "data_dictionary" VALUES('sweep_definitions','definition','text','','The text of the sweep file as it was enqueued.');
INSERT INTO "data_dictionary" VALUES('sweep_definitions','definition_sha256','text','','SHA-256 of the definition''s text.');
INSERT INTO "data_dictionary" VALUES('sweep_definitions','enqueued_at','timestamp','','When this text was first enqueued.');
INSERT INTO "data_dictionary" VALUES('sweep_definitions','n_models','integer','','Models this text expanded to.');
INSERT INTO "data_dictionary" VALUES('sweep_definitions','sweep_id','integer','','The sweep; key of table sweeps.');
INSERT INTO "data_dictionary" VALUES('sweep_models','','','','Which models a sweep holds; a model may belong to several sweeps and is trained once.');
INSERT INTO "data_dictionary" VALUES('sweep_models','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('sweep_models','sweep_id','integer','','The sweep; key of table sweeps.');
INSERT INTO "data_dictionary" VALUES('sweeps','','','','A named definition that expands to specs; one row a sweep.');
INSERT INTO "data_dictionary" VALUES('sweeps','created_at','timestamp','','When the sweep was first enqueued.');
INSERT INTO "data_dictionary" VALUES('sweeps','description','text','','What the sweep asks, in the words of its file.');
INSERT INTO "data_dictionary" VALUES('sweeps','name','text','','Name of the sweep: letters, digits, - and _.');
INSERT INTO "data_dictionary" VALUES('sweeps','paused','boolean','','Whether no job that belongs to this sweep alone is claimed.');
INSERT INTO "data_dictionary" VALUES('sweeps','priority','integer','','Priority of the sweep''s jobs; higher is claimed first.');
INSERT INTO "data_dictionary" VALUES('sweeps','sweep_id','integer','','Number of the sweep, given by the database.');
INSERT INTO "data_dictionary" VALUES('trajectory_metrics','','','','One row a model, trajectory and position along it.');
INSERT INTO "data_dictionary" VALUES('trajectory_metrics','angle','real','radians','Where on the ellipse, 0 to 2 pi: the middle of one of its equal bins. An ellipse through three training points passes them at pi/3, pi and 5 pi/3.');
INSERT INTO "data_dictionary" VALUES('trajectory_metrics','jacobian_norm','real','probability per unit of standardised input','Frobenius norm of d softmax(f(x)) / dx at that place.');
INSERT INTO "data_dictionary" VALUES('trajectory_metrics','kind','text','','Which points the ellipse goes through: random, different_classes, same_class.');
INSERT INTO "data_dictionary" VALUES('trajectory_metrics','log10_jacobian_norm','real','log10 of probability per unit of standardised input','Base-10 logarithm of jacobian_norm; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('trajectory_metrics','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('trajectory_metrics','position','integer','','Number of the point along the trajectory, from 0.');
INSERT INTO "data_dictionary" VALUES('trajectory_metrics','trajectory','integer','','Number of the trajectory, from 0.');
INSERT INTO "data_dictionary" VALUES('trajectory_metrics','transitions','integer','crossings','Changes of the hidden units'' activation codes in the bin whose middle this place is; exact, but for tanh, whose codes are sampled at 64 places a bin.');
INSERT INTO "data_dictionary" VALUES('v_attempts','','','','Tries at jobs, with the worker that tried; one row a model and attempt.');
INSERT INTO "data_dictionary" VALUES('v_attempts','attempt','integer','','Number of the attempt, from 1.');
INSERT INTO "data_dictionary" VALUES('v_attempts','claimed_at','timestamp','','When the attempt began.');
INSERT INTO "data_dictionary" VALUES('v_attempts','device','text','','Device as torch names it: cpu, cuda:0.');
INSERT INTO "data_dictionary" VALUES('v_attempts','device_class','text','','Devices of one class give the same bits.');
INSERT INTO "data_dictionary" VALUES('v_attempts','ended_at','timestamp','','When the attempt ended; NULL while it runs.');
INSERT INTO "data_dictionary" VALUES('v_attempts','error_message','text','','Its message.');
INSERT INTO "data_dictionary" VALUES('v_attempts','error_type','text','','Name of the exception that ended the attempt.');
INSERT INTO "data_dictionary" VALUES('v_attempts','host','text','','Host it runs on.');
INSERT INTO "data_dictionary" VALUES('v_attempts','kind','text','','What was tried: train or measure.');
INSERT INTO "data_dictionary" VALUES('v_attempts','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('v_attempts','outcome','text','','done, failed (an exception), released (given back uncharged), lost (the worker fell silent), or NULL.');
INSERT INTO "data_dictionary" VALUES('v_attempts','pid','integer','','Process number on that host.');
INSERT INTO "data_dictionary" VALUES('v_attempts','traceback','text','','Its traceback.');
INSERT INTO "data_dictionary" VALUES('v_attempts','worker_id','text','','The worker that tried.');
INSERT INTO "data_dictionary" VALUES('v_configurations','','','','Specs without their seed that have a result, with means and ranges over replicas; one row a configuration.');
INSERT INTO "data_dictionary" VALUES('v_configurations','augmentation','text','','Augmentations in fixed order joined by commas, or none.');
INSERT INTO "data_dictionary" VALUES('v_configurations','batch_size','integer','points','Training points a step; NULL for the full batch.');
INSERT INTO "data_dictionary" VALUES('v_configurations','biases','boolean','','Whether layers have biases.');
INSERT INTO "data_dictionary" VALUES('v_configurations','biases_int','integer','','biases as a number: 1 is true, 0 is false.');
INSERT INTO "data_dictionary" VALUES('v_configurations','configuration_sha256','text','','SHA-256 of the canonical spec without its seed; replicas share it.');
INSERT INTO "data_dictionary" VALUES('v_configurations','crop','integer','pixels','Side of the centre crop; NULL means none.');
INSERT INTO "data_dictionary" VALUES('v_configurations','dataset','text','','Data set: a built-in name, or npz: and the SHA-256 of the arrays.');
INSERT INTO "data_dictionary" VALUES('v_configurations','dtype','text','','Number format of training: float32 or float64.');
INSERT INTO "data_dictionary" VALUES('v_configurations','full_batch','boolean','','Whether each step uses all training points.');
INSERT INTO "data_dictionary" VALUES('v_configurations','full_batch_int','integer','','full_batch as a number: 1 is true, 0 is false.');
INSERT INTO "data_dictionary" VALUES('v_configurations','generalization_gap_max','real','','Largest over the configuration''s models of generalization_gap: Training accuracy minus test accuracy, at the end of training.');
INSERT INTO "data_dictionary" VALUES('v_configurations','generalization_gap_mean','real','','Mean over the configuration''s models of generalization_gap: Training accuracy minus test accuracy, at the end of training.');
INSERT INTO "data_dictionary" VALUES('v_configurations','generalization_gap_min','real','','Smallest over the configuration''s models of generalization_gap: Training accuracy minus test accuracy, at the end of training.');
INSERT INTO "data_dictionary" VALUES('v_configurations','hidden_layers','integer','','Hidden layers; the paper''s depth minus one.');
INSERT INTO "data_dictionary" VALUES('v_configurations','input_size','integer','','Inputs of the network: height x width x channels after cropping.');
INSERT INTO "data_dictionary" VALUES('v_configurations','jacobian_norm_mean_max','real','probability per unit of standardised input','Largest over the configuration''s models of jacobian_norm_mean: jacobian_norm, mean over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('v_configurations','jacobian_norm_mean_mean','real','probability per unit of standardised input','Mean over the configuration''s models of jacobian_norm_mean: jacobian_norm, mean over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('v_configurations','jacobian_norm_mean_min','real','probability per unit of standardised input','Smallest over the configuration''s models of jacobian_norm_mean: jacobian_norm, mean over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('v_configurations','label_noise','real','','Share of training labels redrawn at random; 1 is random labels.');
INSERT INTO "data_dictionary" VALUES('v_configurations','learning_rate','real','','Initial learning rate; NULL for lbfgs.');
INSERT INTO "data_dictionary" VALUES('v_configurations','learning_rate_drop_epochs','integer','epochs','Epochs after which the learning rate is multiplied by 0.1, again and again; NULL means never.');
INSERT INTO "data_dictionary" VALUES('v_configurations','log10_jacobian_norm_mean_max','real','log10 of probability per unit of standardised input','Largest over the configuration''s models of log10_jacobian_norm_mean: log10_jacobian_norm, mean over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_configurations','log10_jacobian_norm_mean_mean','real','log10 of probability per unit of standardised input','Mean over the configuration''s models of log10_jacobian_norm_mean: log10_jacobian_norm, mean over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_configurations','log10_jacobian_norm_mean_min','real','log10 of probability per unit of standardised input','Smallest over the configuration''s models of log10_jacobian_norm_mean: log10_jacobian_norm, mean over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_configurations','logit_jacobian_norm_mean_max','real','logit per unit of standardised input','Largest over the configuration''s models of logit_jacobian_norm_mean: logit_jacobian_norm, mean over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('v_configurations','logit_jacobian_norm_mean_mean','real','logit per unit of standardised input','Mean over the configuration''s models of logit_jacobian_norm_mean: logit_jacobian_norm, mean over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('v_configurations','logit_jacobian_norm_mean_min','real','logit per unit of standardised input','Smallest over the configuration''s models of logit_jacobian_norm_mean: logit_jacobian_norm, mean over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('v_configurations','loss','text','','Training loss: cross_entropy or squared.');
INSERT INTO "data_dictionary" VALUES('v_configurations','max_steps','integer','steps','Steps after which training ends in any case.');
INSERT INTO "data_dictionary" VALUES('v_configurations','momentum','real','','Momentum; NULL unless the optimizer is momentum.');
INSERT INTO "data_dictionary" VALUES('v_configurations','n_classes','integer','','Classes of the data set.');
INSERT INTO "data_dictionary" VALUES('v_configurations','n_fitted','integer','','Those among them that fitted their training points.');
INSERT INTO "data_dictionary" VALUES('v_configurations','n_hidden_units','integer','','Hidden units of the network.');
INSERT INTO "data_dictionary" VALUES('v_configurations','n_models','integer','','Models of the configuration that have a result.');
INSERT INTO "data_dictionary" VALUES('v_configurations','n_parameters','integer','','Weights and biases of the network.');
INSERT INTO "data_dictionary" VALUES('v_configurations','n_test_points','integer','points','Test points of the data set.');
INSERT INTO "data_dictionary" VALUES('v_configurations','n_train','integer','','Training points asked for; NULL means all.');
INSERT INTO "data_dictionary" VALUES('v_configurations','n_train_points','integer','points','Training points used.');
INSERT INTO "data_dictionary" VALUES('v_configurations','nonlinearity','text','','Nonlinearity of the hidden units.');
INSERT INTO "data_dictionary" VALUES('v_configurations','optimizer','text','','Optimizer; NULL for an imported network.');
INSERT INTO "data_dictionary" VALUES('v_configurations','source_sha256','text','','SHA-256 of an imported network''s file; NULL where trained here.');
INSERT INTO "data_dictionary" VALUES('v_configurations','stop_loss','real','','Training loss below which training ends; NULL unless stop_rule is loss.');
INSERT INTO "data_dictionary" VALUES('v_configurations','stop_rule','text','','What may end training earlier: never, fitted, or loss.');
INSERT INTO "data_dictionary" VALUES('v_configurations','test_accuracy_max','real','','Largest over the configuration''s models of test_accuracy: Share of all test points that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_configurations','test_accuracy_mean','real','','Mean over the configuration''s models of test_accuracy: Share of all test points that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_configurations','test_accuracy_min','real','','Smallest over the configuration''s models of test_accuracy: Share of all test points that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_configurations','test_loss_max','real','nats','Largest over the configuration''s models of test_loss: Mean of loss over all test points.');
INSERT INTO "data_dictionary" VALUES('v_configurations','test_loss_mean','real','nats','Mean over the configuration''s models of test_loss: Mean of loss over all test points.');
INSERT INTO "data_dictionary" VALUES('v_configurations','test_loss_min','real','nats','Smallest over the configuration''s models of test_loss: Mean of loss over all test points.');
INSERT INTO "data_dictionary" VALUES('v_configurations','train_accuracy_max','real','','Largest over the configuration''s models of train_accuracy: Share of all training points used that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_configurations','train_accuracy_mean','real','','Mean over the configuration''s models of train_accuracy: Share of all training points used that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_configurations','train_accuracy_min','real','','Smallest over the configuration''s models of train_accuracy: Share of all training points used that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_configurations','train_loss_max','real','','Largest over the configuration''s models of train_loss: Mean of the training loss over all training points used, in the loss''s unit.');
INSERT INTO "data_dictionary" VALUES('v_configurations','train_loss_mean','real','','Mean over the configuration''s models of train_loss: Mean of the training loss over all training points used, in the loss''s unit.');
INSERT INTO "data_dictionary" VALUES('v_configurations','train_loss_min','real','','Smallest over the configuration''s models of train_loss: Mean of the training loss over all training points used, in the loss''s unit.');
INSERT INTO "data_dictionary" VALUES('v_configurations','transitions_mean_max','real','crossings','Largest over the configuration''s models of transitions_mean: transitions, mean over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('v_configurations','transitions_mean_mean','real','crossings','Mean over the configuration''s models of transitions_mean: transitions, mean over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('v_configurations','transitions_mean_min','real','crossings','Smallest over the configuration''s models of transitions_mean: transitions, mean over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('v_configurations','weight_norm_max','real','','Largest over the configuration''s models of weight_norm: Euclidean norm of all weights, biases left out.');
INSERT INTO "data_dictionary" VALUES('v_configurations','weight_norm_mean','real','','Mean over the configuration''s models of weight_norm: Euclidean norm of all weights, biases left out.');
INSERT INTO "data_dictionary" VALUES('v_configurations','weight_norm_min','real','','Smallest over the configuration''s models of weight_norm: Euclidean norm of all weights, biases left out.');
INSERT INTO "data_dictionary" VALUES('v_configurations','weight_scale','real','','Factor on the standard deviation of the initial weights.');
INSERT INTO "data_dictionary" VALUES('v_configurations','width','integer','','Units of each hidden layer; NULL where they differ or there is none.');
INSERT INTO "data_dictionary" VALUES('v_configurations','widths','text','','Units of the hidden layers, first to last, as a JSON list.');
INSERT INTO "data_dictionary" VALUES('v_jobs','','','','Places in the queue, with how the last attempt ended; one row a model.');
INSERT INTO "data_dictionary" VALUES('v_jobs','attempt','integer','','Number of the last attempt; never lowered or given out twice.');
INSERT INTO "data_dictionary" VALUES('v_jobs','cancel_requested','boolean','','Whether a running job is to be given up.');
INSERT INTO "data_dictionary" VALUES('v_jobs','cancel_requested_int','integer','','cancel_requested as a number: 1 is true, 0 is false.');
INSERT INTO "data_dictionary" VALUES('v_jobs','configuration_sha256','text','','SHA-256 of the canonical spec without its seed; replicas share it.');
INSERT INTO "data_dictionary" VALUES('v_jobs','dataset','text','','Data set: a built-in name, or npz: and the SHA-256 of the arrays.');
INSERT INTO "data_dictionary" VALUES('v_jobs','error_message','text','','Its message.');
INSERT INTO "data_dictionary" VALUES('v_jobs','error_type','text','','Name of the exception that ended the attempt.');
INSERT INTO "data_dictionary" VALUES('v_jobs','exceptions','integer','','Attempts that ended in an exception, since the last retry.');
INSERT INTO "data_dictionary" VALUES('v_jobs','finished_at','timestamp','','When the job became done, dead or cancelled.');
INSERT INTO "data_dictionary" VALUES('v_jobs','held','boolean','','Whether every sweep of the model is paused; a held job is not claimed.');
INSERT INTO "data_dictionary" VALUES('v_jobs','held_int','integer','','held as a number: 1 is true, 0 is false.');
INSERT INTO "data_dictionary" VALUES('v_jobs','hidden_layers','integer','','Hidden layers; the paper''s depth minus one.');
INSERT INTO "data_dictionary" VALUES('v_jobs','kind','text','','What is to be done: train (and measure), or measure stored weights.');
INSERT INTO "data_dictionary" VALUES('v_jobs','label_noise','real','','Share of training labels redrawn at random; 1 is random labels.');
INSERT INTO "data_dictionary" VALUES('v_jobs','lease_until','timestamp','','When the running worker counts as lost; NULL unless running.');
INSERT INTO "data_dictionary" VALUES('v_jobs','loss_function','text','','Training loss: cross_entropy or squared.');
INSERT INTO "data_dictionary" VALUES('v_jobs','losses','integer','','Attempts whose worker was lost, since the last retry.');
INSERT INTO "data_dictionary" VALUES('v_jobs','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('v_jobs','nonlinearity','text','','Nonlinearity of the hidden units.');
INSERT INTO "data_dictionary" VALUES('v_jobs','outcome','text','','done, failed (an exception), released (given back uncharged), lost (the worker fell silent), or NULL.');
INSERT INTO "data_dictionary" VALUES('v_jobs','pack_key','text','','Jobs of one pack_key can be trained as one pack.');
INSERT INTO "data_dictionary" VALUES('v_jobs','priority','integer','','Higher is claimed first; the largest of its sweeps.');
INSERT INTO "data_dictionary" VALUES('v_jobs','run_after','timestamp','','Not claimed before this moment.');
INSERT INTO "data_dictionary" VALUES('v_jobs','seed','integer','','Seed of weights, batches, label noise and augmentation.');
INSERT INTO "data_dictionary" VALUES('v_jobs','spec_sha256','text','','SHA-256 of the canonical spec; equal networks have equal ones.');
INSERT INTO "data_dictionary" VALUES('v_jobs','state','text','','queued, running, done, dead (a budget is spent) or cancelled.');
INSERT INTO "data_dictionary" VALUES('v_jobs','width','integer','','Units of each hidden layer; NULL where they differ or there is none.');
INSERT INTO "data_dictionary" VALUES('v_jobs','worker_id','text','','The worker that runs it, or that ran it last; NULL when queued again.');
INSERT INTO "data_dictionary" VALUES('v_models','','','','Models that have a result, with their spec and their metrics; one row a model.');
INSERT INTO "data_dictionary" VALUES('v_models','attempt','integer','','The attempt that stored it.');
INSERT INTO "data_dictionary" VALUES('v_models','augmentation','text','','Augmentations in fixed order joined by commas, or none.');
INSERT INTO "data_dictionary" VALUES('v_models','batch_size','integer','points','Training points a step; NULL for the full batch.');
INSERT INTO "data_dictionary" VALUES('v_models','biases','boolean','','Whether layers have biases.');
INSERT INTO "data_dictionary" VALUES('v_models','biases_int','integer','','biases as a number: 1 is true, 0 is false.');
INSERT INTO "data_dictionary" VALUES('v_models','boundary_distance_mean','real','units of standardised input','boundary_distance, mean over the test points measured. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('v_models','boundary_distance_mean_right','real','units of standardised input','boundary_distance, mean over the test points the model classifies correctly. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('v_models','boundary_distance_mean_train','real','units of standardised input','boundary_distance, mean over a fixed sample of the training points. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('v_models','boundary_distance_median','real','units of standardised input','boundary_distance, median over the test points measured. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('v_models','boundary_distance_q05','real','units of standardised input','boundary_distance, 5 % quantile over the test points measured. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('v_models','boundary_distance_q25','real','units of standardised input','boundary_distance, 25 % quantile over the test points measured. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('v_models','boundary_distance_q75','real','units of standardised input','boundary_distance, 75 % quantile over the test points measured. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('v_models','boundary_distance_q95','real','units of standardised input','boundary_distance, 95 % quantile over the test points measured. Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('v_models','configuration_sha256','text','','SHA-256 of the canonical spec without its seed; replicas share it.');
INSERT INTO "data_dictionary" VALUES('v_models','created_at','timestamp','','When the model was first enqueued.');
INSERT INTO "data_dictionary" VALUES('v_models','crop','integer','pixels','Side of the centre crop; NULL means none.');
INSERT INTO "data_dictionary" VALUES('v_models','dataset','text','','Data set: a built-in name, or npz: and the SHA-256 of the arrays.');
INSERT INTO "data_dictionary" VALUES('v_models','device_class','text','','Class of the device that trained.');
INSERT INTO "data_dictionary" VALUES('v_models','doubt_mean','real','','doubt, mean over the test points measured. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','doubt_mean_right','real','','doubt, mean over the test points the model classifies correctly. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','doubt_mean_train','real','','doubt, mean over a fixed sample of the training points. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','doubt_median','real','','doubt, median over the test points measured. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','doubt_q05','real','','doubt, 5 % quantile over the test points measured. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','doubt_q25','real','','doubt, 25 % quantile over the test points measured. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','doubt_q75','real','','doubt, 75 % quantile over the test points measured. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','doubt_q95','real','','doubt, 95 % quantile over the test points measured. 1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','dtype','text','','Number format of training: float32 or float64.');
INSERT INTO "data_dictionary" VALUES('v_models','engine_version','text','','Version of the training engine; with device_class and spec it fixes the bits.');
INSERT INTO "data_dictionary" VALUES('v_models','entropy_mean','real','nats','entropy, mean over the test points measured. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('v_models','entropy_mean_right','real','nats','entropy, mean over the test points the model classifies correctly. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('v_models','entropy_mean_train','real','nats','entropy, mean over a fixed sample of the training points. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('v_models','entropy_median','real','nats','entropy, median over the test points measured. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('v_models','entropy_q05','real','nats','entropy, 5 % quantile over the test points measured. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('v_models','entropy_q25','real','nats','entropy, 25 % quantile over the test points measured. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('v_models','entropy_q75','real','nats','entropy, 75 % quantile over the test points measured. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('v_models','entropy_q95','real','nats','entropy, 95 % quantile over the test points measured. Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('v_models','fitted','boolean','','Whether every training point was classified as its training label at the end.');
INSERT INTO "data_dictionary" VALUES('v_models','fitted_int','integer','','fitted as a number: 1 is true, 0 is false.');
INSERT INTO "data_dictionary" VALUES('v_models','full_batch','boolean','','Whether each step uses all training points.');
INSERT INTO "data_dictionary" VALUES('v_models','full_batch_int','integer','','full_batch as a number: 1 is true, 0 is false.');
INSERT INTO "data_dictionary" VALUES('v_models','generalization_gap','real','','Training accuracy minus test accuracy, at the end of training.');
INSERT INTO "data_dictionary" VALUES('v_models','hidden_layers','integer','','Hidden layers; the paper''s depth minus one.');
INSERT INTO "data_dictionary" VALUES('v_models','input_gradient_norm_mean','real','nats per unit of standardised input','input_gradient_norm, mean over the test points measured. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('v_models','input_gradient_norm_mean_right','real','nats per unit of standardised input','input_gradient_norm, mean over the test points the model classifies correctly. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('v_models','input_gradient_norm_mean_train','real','nats per unit of standardised input','input_gradient_norm, mean over a fixed sample of the training points. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('v_models','input_gradient_norm_median','real','nats per unit of standardised input','input_gradient_norm, median over the test points measured. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('v_models','input_gradient_norm_q05','real','nats per unit of standardised input','input_gradient_norm, 5 % quantile over the test points measured. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('v_models','input_gradient_norm_q25','real','nats per unit of standardised input','input_gradient_norm, 25 % quantile over the test points measured. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('v_models','input_gradient_norm_q75','real','nats per unit of standardised input','input_gradient_norm, 75 % quantile over the test points measured. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('v_models','input_gradient_norm_q95','real','nats per unit of standardised input','input_gradient_norm, 95 % quantile over the test points measured. Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('v_models','input_size','integer','','Inputs of the network: height x width x channels after cropping.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_norm_mean','real','probability per unit of standardised input','jacobian_norm, mean over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_norm_mean_right','real','probability per unit of standardised input','jacobian_norm, mean over the test points the model classifies correctly. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_norm_mean_train','real','probability per unit of standardised input','jacobian_norm, mean over a fixed sample of the training points. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_norm_median','real','probability per unit of standardised input','jacobian_norm, median over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_norm_q05','real','probability per unit of standardised input','jacobian_norm, 5 % quantile over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_norm_q25','real','probability per unit of standardised input','jacobian_norm, 25 % quantile over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_norm_q75','real','probability per unit of standardised input','jacobian_norm, 75 % quantile over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_norm_q95','real','probability per unit of standardised input','jacobian_norm, 95 % quantile over the test points measured. Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_spectral_norm_mean','real','probability per unit of standardised input','jacobian_spectral_norm, mean over the test points measured. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_spectral_norm_mean_right','real','probability per unit of standardised input','jacobian_spectral_norm, mean over the test points the model classifies correctly. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_spectral_norm_mean_train','real','probability per unit of standardised input','jacobian_spectral_norm, mean over a fixed sample of the training points. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_spectral_norm_median','real','probability per unit of standardised input','jacobian_spectral_norm, median over the test points measured. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_spectral_norm_q05','real','probability per unit of standardised input','jacobian_spectral_norm, 5 % quantile over the test points measured. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_spectral_norm_q25','real','probability per unit of standardised input','jacobian_spectral_norm, 25 % quantile over the test points measured. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_spectral_norm_q75','real','probability per unit of standardised input','jacobian_spectral_norm, 75 % quantile over the test points measured. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','jacobian_spectral_norm_q95','real','probability per unit of standardised input','jacobian_spectral_norm, 95 % quantile over the test points measured. Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','label_noise','real','','Share of training labels redrawn at random; 1 is random labels.');
INSERT INTO "data_dictionary" VALUES('v_models','learning_rate','real','','Initial learning rate; NULL for lbfgs.');
INSERT INTO "data_dictionary" VALUES('v_models','learning_rate_drop_epochs','integer','epochs','Epochs after which the learning rate is multiplied by 0.1, again and again; NULL means never.');
INSERT INTO "data_dictionary" VALUES('v_models','log10_jacobian_norm_mean','real','log10 of probability per unit of standardised input','log10_jacobian_norm, mean over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_models','log10_jacobian_norm_mean_right','real','log10 of probability per unit of standardised input','log10_jacobian_norm, mean over the test points the model classifies correctly. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_models','log10_jacobian_norm_mean_train','real','log10 of probability per unit of standardised input','log10_jacobian_norm, mean over a fixed sample of the training points. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_models','log10_jacobian_norm_median','real','log10 of probability per unit of standardised input','log10_jacobian_norm, median over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_models','log10_jacobian_norm_q05','real','log10 of probability per unit of standardised input','log10_jacobian_norm, 5 % quantile over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_models','log10_jacobian_norm_q25','real','log10 of probability per unit of standardised input','log10_jacobian_norm, 25 % quantile over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_models','log10_jacobian_norm_q75','real','log10 of probability per unit of standardised input','log10_jacobian_norm, 75 % quantile over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_models','log10_jacobian_norm_q95','real','log10 of probability per unit of standardised input','log10_jacobian_norm, 95 % quantile over the test points measured. Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_models','log10_weight_norm_product','real','','Base-10 logarithm of the product of the layers'' Frobenius norms.');
INSERT INTO "data_dictionary" VALUES('v_models','log10_weight_spectral_norm_product','real','','Base-10 logarithm of the product of the layers'' largest singular values.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_norm_mean','real','logit per unit of standardised input','logit_jacobian_norm, mean over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_norm_mean_right','real','logit per unit of standardised input','logit_jacobian_norm, mean over the test points the model classifies correctly. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_norm_mean_train','real','logit per unit of standardised input','logit_jacobian_norm, mean over a fixed sample of the training points. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_norm_median','real','logit per unit of standardised input','logit_jacobian_norm, median over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_norm_q05','real','logit per unit of standardised input','logit_jacobian_norm, 5 % quantile over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_norm_q25','real','logit per unit of standardised input','logit_jacobian_norm, 25 % quantile over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_norm_q75','real','logit per unit of standardised input','logit_jacobian_norm, 75 % quantile over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_norm_q95','real','logit per unit of standardised input','logit_jacobian_norm, 95 % quantile over the test points measured. Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_spectral_norm_mean','real','logit per unit of standardised input','logit_jacobian_spectral_norm, mean over the test points measured. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_spectral_norm_mean_right','real','logit per unit of standardised input','logit_jacobian_spectral_norm, mean over the test points the model classifies correctly. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_spectral_norm_mean_train','real','logit per unit of standardised input','logit_jacobian_spectral_norm, mean over a fixed sample of the training points. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_spectral_norm_median','real','logit per unit of standardised input','logit_jacobian_spectral_norm, median over the test points measured. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_spectral_norm_q05','real','logit per unit of standardised input','logit_jacobian_spectral_norm, 5 % quantile over the test points measured. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_spectral_norm_q25','real','logit per unit of standardised input','logit_jacobian_spectral_norm, 25 % quantile over the test points measured. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_spectral_norm_q75','real','logit per unit of standardised input','logit_jacobian_spectral_norm, 75 % quantile over the test points measured. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','logit_jacobian_spectral_norm_q95','real','logit per unit of standardised input','logit_jacobian_spectral_norm, 95 % quantile over the test points measured. Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_models','loss','text','','Training loss: cross_entropy or squared.');
INSERT INTO "data_dictionary" VALUES('v_models','loss_mean','real','nats','loss, mean over the test points measured. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('v_models','loss_mean_right','real','nats','loss, mean over the test points the model classifies correctly. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('v_models','loss_mean_train','real','nats','loss, mean over a fixed sample of the training points. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('v_models','loss_median','real','nats','loss, median over the test points measured. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('v_models','loss_q05','real','nats','loss, 5 % quantile over the test points measured. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('v_models','loss_q25','real','nats','loss, 25 % quantile over the test points measured. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('v_models','loss_q75','real','nats','loss, 75 % quantile over the test points measured. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('v_models','loss_q95','real','nats','loss, 95 % quantile over the test points measured. The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('v_models','margin_mean','real','logits','margin, mean over the test points measured. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('v_models','margin_mean_right','real','logits','margin, mean over the test points the model classifies correctly. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('v_models','margin_mean_train','real','logits','margin, mean over a fixed sample of the training points. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('v_models','margin_median','real','logits','margin, median over the test points measured. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('v_models','margin_q05','real','logits','margin, 5 % quantile over the test points measured. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('v_models','margin_q25','real','logits','margin, 25 % quantile over the test points measured. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('v_models','margin_q75','real','logits','margin, 75 % quantile over the test points measured. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('v_models','margin_q95','real','logits','margin, 95 % quantile over the test points measured. The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('v_models','max_steps','integer','steps','Steps after which training ends in any case.');
INSERT INTO "data_dictionary" VALUES('v_models','measure_seconds','real','seconds','Wall-clock time of measuring, this model''s share of its pack.');
INSERT INTO "data_dictionary" VALUES('v_models','measured_on','text','','Class of the device that measured.');
INSERT INTO "data_dictionary" VALUES('v_models','model_id','integer','','Number of the model, given by the database; a smaller one is older.');
INSERT INTO "data_dictionary" VALUES('v_models','momentum','real','','Momentum; NULL unless the optimizer is momentum.');
INSERT INTO "data_dictionary" VALUES('v_models','n_classes','integer','','Classes of the data set.');
INSERT INTO "data_dictionary" VALUES('v_models','n_hidden_units','integer','','Hidden units of the network.');
INSERT INTO "data_dictionary" VALUES('v_models','n_parameters','integer','','Weights and biases of the network.');
INSERT INTO "data_dictionary" VALUES('v_models','n_points_stored','integer','points','Rows this model has in point_metrics.');
INSERT INTO "data_dictionary" VALUES('v_models','n_test_points','integer','points','Test points of the data set.');
INSERT INTO "data_dictionary" VALUES('v_models','n_train','integer','','Training points asked for; NULL means all.');
INSERT INTO "data_dictionary" VALUES('v_models','n_train_points','integer','points','Training points used.');
INSERT INTO "data_dictionary" VALUES('v_models','n_zero_jacobian','integer','points','Measured test points whose Jacobian is exactly 0.');
INSERT INTO "data_dictionary" VALUES('v_models','nonlinearity','text','','Nonlinearity of the hidden units.');
INSERT INTO "data_dictionary" VALUES('v_models','optimizer','text','','Optimizer; NULL for an imported network.');
INSERT INTO "data_dictionary" VALUES('v_models','result_id','text','','Random UUID of this result; a model measured again gets a new one.');
INSERT INTO "data_dictionary" VALUES('v_models','seed','integer','','Seed of weights, batches, label noise and augmentation.');
INSERT INTO "data_dictionary" VALUES('v_models','source_sha256','text','','SHA-256 of an imported network''s file; NULL where trained here.');
INSERT INTO "data_dictionary" VALUES('v_models','spec','text','','The spec in its canonical form, JSON with sorted keys and every default filled in.');
INSERT INTO "data_dictionary" VALUES('v_models','spec_sha256','text','','SHA-256 of the canonical spec; equal networks have equal ones.');
INSERT INTO "data_dictionary" VALUES('v_models','steps','integer','steps','Steps of the optimizer taken until training ended.');
INSERT INTO "data_dictionary" VALUES('v_models','stop_loss','real','','Training loss below which training ends; NULL unless stop_rule is loss.');
INSERT INTO "data_dictionary" VALUES('v_models','stop_reason','text','','Why training ended: budget, fitted, loss, converged, diverged, imported.');
INSERT INTO "data_dictionary" VALUES('v_models','stop_rule','text','','What may end training earlier: never, fitted, or loss.');
INSERT INTO "data_dictionary" VALUES('v_models','test_accuracy','real','','Share of all test points that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_models','test_loss','real','nats','Mean of loss over all test points.');
INSERT INTO "data_dictionary" VALUES('v_models','train_accuracy','real','','Share of all training points used that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_models','train_loss','real','','Mean of the training loss over all training points used, in the loss''s unit.');
INSERT INTO "data_dictionary" VALUES('v_models','train_seconds','real','seconds','Wall-clock time of training, this model''s share of its pack.');
INSERT INTO "data_dictionary" VALUES('v_models','transitions_mean','real','crossings','transitions, mean over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('v_models','transitions_mean_right','real','crossings','transitions, mean over the test points the model classifies correctly. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('v_models','transitions_mean_train','real','crossings','transitions, mean over a fixed sample of the training points. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('v_models','transitions_median','real','crossings','transitions, median over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('v_models','transitions_method','text','','How transitions were counted: exact, sampled:k or extrapolated:k with k points a path; NULL where not.');
INSERT INTO "data_dictionary" VALUES('v_models','transitions_points','integer','points','Test points whose transitions were counted.');
INSERT INTO "data_dictionary" VALUES('v_models','transitions_q05','real','crossings','transitions, 5 % quantile over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('v_models','transitions_q25','real','crossings','transitions, 25 % quantile over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('v_models','transitions_q75','real','crossings','transitions, 75 % quantile over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('v_models','transitions_q95','real','crossings','transitions, 95 % quantile over the test points measured. Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('v_models','weight_norm','real','','Euclidean norm of all weights, biases left out.');
INSERT INTO "data_dictionary" VALUES('v_models','weight_scale','real','','Factor on the standard deviation of the initial weights.');
INSERT INTO "data_dictionary" VALUES('v_models','width','integer','','Units of each hidden layer; NULL where they differ or there is none.');
INSERT INTO "data_dictionary" VALUES('v_models','widths','text','','Units of the hidden layers, first to last, as a JSON list.');
INSERT INTO "data_dictionary" VALUES('v_points','','','','Metrics at test points, with the main columns of their model; one row a model and test point.');
INSERT INTO "data_dictionary" VALUES('v_points','boundary_distance','real','units of standardised input','Distance to the nearest class boundary if the logits were linear around x; NULL where they are constant.');
INSERT INTO "data_dictionary" VALUES('v_points','configuration_sha256','text','','SHA-256 of the canonical spec without its seed; replicas share it.');
INSERT INTO "data_dictionary" VALUES('v_points','correct','boolean','','Whether the predicted class is the label.');
INSERT INTO "data_dictionary" VALUES('v_points','correct_int','integer','','correct as a number: 1 is true, 0 is false.');
INSERT INTO "data_dictionary" VALUES('v_points','dataset','text','','Data set: a built-in name, or npz: and the SHA-256 of the arrays.');
INSERT INTO "data_dictionary" VALUES('v_points','doubt','real','','1 - the largest probability, computed without the subtraction: exact down to 1e-38.');
INSERT INTO "data_dictionary" VALUES('v_points','entropy','real','nats','Entropy of the predicted probabilities; 0 is a certain prediction.');
INSERT INTO "data_dictionary" VALUES('v_points','generalization_gap','real','','Training accuracy minus test accuracy, at the end of training.');
INSERT INTO "data_dictionary" VALUES('v_points','hidden_layers','integer','','Hidden layers; the paper''s depth minus one.');
INSERT INTO "data_dictionary" VALUES('v_points','input_gradient_norm','real','nats per unit of standardised input','Euclidean norm of the gradient of loss with respect to the input.');
INSERT INTO "data_dictionary" VALUES('v_points','jacobian_norm','real','probability per unit of standardised input','Frobenius norm of d softmax(f(x)) / dx at the standardised input; 0 where it lies below 1.2e-38.');
INSERT INTO "data_dictionary" VALUES('v_points','jacobian_spectral_norm','real','probability per unit of standardised input','Largest singular value of d softmax(f(x)) / dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_points','label','integer','','The test point''s true class, from 0.');
INSERT INTO "data_dictionary" VALUES('v_points','label_noise','real','','Share of training labels redrawn at random; 1 is random labels.');
INSERT INTO "data_dictionary" VALUES('v_points','log10_jacobian_norm','real','log10 of probability per unit of standardised input','Base-10 logarithm of jacobian_norm, kept where the norm itself underflows; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_points','logit_jacobian_norm','real','logit per unit of standardised input','Frobenius norm of df(x)/dx, before the softmax.');
INSERT INTO "data_dictionary" VALUES('v_points','logit_jacobian_spectral_norm','real','logit per unit of standardised input','Largest singular value of df(x)/dx; NULL where spectral norms were not asked for.');
INSERT INTO "data_dictionary" VALUES('v_points','loss','real','nats','The loss the model was trained on, at the label: cross-entropy in nats, or half the squared distance of the logits and the one-hot label.');
INSERT INTO "data_dictionary" VALUES('v_points','loss_function','text','','Training loss: cross_entropy or squared.');
INSERT INTO "data_dictionary" VALUES('v_points','margin','real','logits','The label''s logit minus the largest other logit; negative where the model is wrong.');
INSERT INTO "data_dictionary" VALUES('v_points','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('v_points','nonlinearity','text','','Nonlinearity of the hidden units.');
INSERT INTO "data_dictionary" VALUES('v_points','point_index','integer','','Position of the test point in its data set, from 0.');
INSERT INTO "data_dictionary" VALUES('v_points','predicted','integer','','The class with the largest logit; the first of them where several are equal.');
INSERT INTO "data_dictionary" VALUES('v_points','seed','integer','','Seed of weights, batches, label noise and augmentation.');
INSERT INTO "data_dictionary" VALUES('v_points','spec_sha256','text','','SHA-256 of the canonical spec; equal networks have equal ones.');
INSERT INTO "data_dictionary" VALUES('v_points','test_accuracy','real','','Share of all test points that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_points','train_accuracy','real','','Share of all training points used that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_points','transitions','integer','crossings','Changes of the hidden units'' activation codes along the closed path of wrapped horizontal shifts through x; NULL where not counted.');
INSERT INTO "data_dictionary" VALUES('v_points','transitions_method','text','','How transitions were counted: exact, sampled:k or extrapolated:k with k points a path; NULL where not.');
INSERT INTO "data_dictionary" VALUES('v_points','width','integer','','Units of each hidden layer; NULL where they differ or there is none.');
INSERT INTO "data_dictionary" VALUES('v_regions','','','','Linear regions on planes through training points; one row a model, plane, moment and scope.');
INSERT INTO "data_dictionary" VALUES('v_regions','artifact_id','integer','','The stored picture; key of table artifacts.');
INSERT INTO "data_dictionary" VALUES('v_regions','artifact_sha256','text','','SHA-256 of the file.');
INSERT INTO "data_dictionary" VALUES('v_regions','artifact_uri','text','','Name of the file within the artifact folder or URL, SENSDB_ARTIFACTS.');
INSERT INTO "data_dictionary" VALUES('v_regions','configuration_sha256','text','','SHA-256 of the canonical spec without its seed; replicas share it.');
INSERT INTO "data_dictionary" VALUES('v_regions','dataset','text','','Data set: a built-in name, or npz: and the SHA-256 of the arrays.');
INSERT INTO "data_dictionary" VALUES('v_regions','density_at_points','real','1/length','Length of region boundaries an area, near the training points.');
INSERT INTO "data_dictionary" VALUES('v_regions','density_mean','real','1/length','Length of region boundaries an area, over the window.');
INSERT INTO "data_dictionary" VALUES('v_regions','generalization_gap','real','','Training accuracy minus test accuracy, at the end of training.');
INSERT INTO "data_dictionary" VALUES('v_regions','hidden_layers','integer','','Hidden layers; the paper''s depth minus one.');
INSERT INTO "data_dictionary" VALUES('v_regions','label_noise','real','','Share of training labels redrawn at random; 1 is random labels.');
INSERT INTO "data_dictionary" VALUES('v_regions','loss_function','text','','Training loss: cross_entropy or squared.');
INSERT INTO "data_dictionary" VALUES('v_regions','method','text','','How regions were found: exact or pixels.');
INSERT INTO "data_dictionary" VALUES('v_regions','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('v_regions','moment','text','','before or after training.');
INSERT INTO "data_dictionary" VALUES('v_regions','n_regions','integer','','Linear regions in the window.');
INSERT INTO "data_dictionary" VALUES('v_regions','nonlinearity','text','','Nonlinearity of the hidden units.');
INSERT INTO "data_dictionary" VALUES('v_regions','scope','text','','Units whose regions are meant: last_hidden or all.');
INSERT INTO "data_dictionary" VALUES('v_regions','seed','integer','','Seed of weights, batches, label noise and augmentation.');
INSERT INTO "data_dictionary" VALUES('v_regions','slice','integer','','Number of the plane, from 0.');
INSERT INTO "data_dictionary" VALUES('v_regions','spec_sha256','text','','SHA-256 of the canonical spec; equal networks have equal ones.');
INSERT INTO "data_dictionary" VALUES('v_regions','test_accuracy','real','','Share of all test points that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_regions','train_accuracy','real','','Share of all training points used that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_regions','width','integer','','Units of each hidden layer; NULL where they differ or there is none.');
INSERT INTO "data_dictionary" VALUES('v_sweep_models','','','','Which models a sweep holds; one row a sweep and model, with or without a result.');
INSERT INTO "data_dictionary" VALUES('v_sweep_models','configuration_sha256','text','','SHA-256 of the canonical spec without its seed; replicas share it.');
INSERT INTO "data_dictionary" VALUES('v_sweep_models','dataset','text','','Data set: a built-in name, or npz: and the SHA-256 of the arrays.');
INSERT INTO "data_dictionary" VALUES('v_sweep_models','has_result','boolean','','Whether the model has a result.');
INSERT INTO "data_dictionary" VALUES('v_sweep_models','has_result_int','integer','','has_result as a number: 1 is true, 0 is false.');
INSERT INTO "data_dictionary" VALUES('v_sweep_models','model_id','integer','','Number of the model, given by the database; a smaller one is older.');
INSERT INTO "data_dictionary" VALUES('v_sweep_models','seed','integer','','Seed of weights, batches, label noise and augmentation.');
INSERT INTO "data_dictionary" VALUES('v_sweep_models','spec_sha256','text','','SHA-256 of the canonical spec; equal networks have equal ones.');
INSERT INTO "data_dictionary" VALUES('v_sweep_models','sweep','text','','Name of the sweep: letters, digits, - and _.');
INSERT INTO "data_dictionary" VALUES('v_sweep_models','sweep_id','integer','','Number of the sweep, given by the database.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','','','','How far each sweep is; one row a sweep.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','cancelled','integer','','Models of the sweep whose job is cancelled.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','created_at','timestamp','','When the sweep was first enqueued.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','dead','integer','','Models of the sweep whose job is dead.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','done','integer','','Models of the sweep whose job is done.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','n_models','integer','','Models the sweep holds.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','paused','boolean','','Whether no job that belongs to this sweep alone is claimed.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','paused_int','integer','','paused as a number: 1 is true, 0 is false.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','priority','integer','','Priority of the sweep''s jobs; higher is claimed first.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','queued','integer','','Models of the sweep whose job is queued.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','running','integer','','Models of the sweep whose job is running.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','share_done','real','','Share of them that is done; NULL for a sweep without models.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','sweep','text','','Name of the sweep: letters, digits, - and _.');
INSERT INTO "data_dictionary" VALUES('v_sweep_progress','sweep_id','integer','','Number of the sweep, given by the database.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','','','','Metrics along ellipses through training points; one row a model, trajectory and position.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','angle','real','radians','Where on the ellipse, 0 to 2 pi: the middle of one of its equal bins. An ellipse through three training points passes them at pi/3, pi and 5 pi/3.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','configuration_sha256','text','','SHA-256 of the canonical spec without its seed; replicas share it.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','dataset','text','','Data set: a built-in name, or npz: and the SHA-256 of the arrays.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','generalization_gap','real','','Training accuracy minus test accuracy, at the end of training.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','hidden_layers','integer','','Hidden layers; the paper''s depth minus one.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','jacobian_norm','real','probability per unit of standardised input','Frobenius norm of d softmax(f(x)) / dx at that place.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','kind','text','','Which points the ellipse goes through: random, different_classes, same_class.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','label_noise','real','','Share of training labels redrawn at random; 1 is random labels.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','log10_jacobian_norm','real','log10 of probability per unit of standardised input','Base-10 logarithm of jacobian_norm; NULL where the Jacobian is 0.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','loss_function','text','','Training loss: cross_entropy or squared.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','model_id','integer','','The model; key of table models.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','nonlinearity','text','','Nonlinearity of the hidden units.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','position','integer','','Number of the point along the trajectory, from 0.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','seed','integer','','Seed of weights, batches, label noise and augmentation.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','spec_sha256','text','','SHA-256 of the canonical spec; equal networks have equal ones.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','test_accuracy','real','','Share of all test points that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','train_accuracy','real','','Share of all training points used that are classified as their label.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','trajectory','integer','','Number of the trajectory, from 0.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','transitions','integer','crossings','Changes of the hidden units'' activation codes in the bin whose middle this place is; exact, but for tanh, whose codes are sampled at 64 places a bin.');
INSERT INTO "data_dictionary" VALUES('v_trajectories','width','integer','','Units of each hidden layer; NULL where they differ or there is none.');
INSERT INTO "data_dictionary" VALUES('v_workers','','','','Worker processes, running, stopped or lost; one row a start of a worker.');
INSERT INTO "data_dictionary" VALUES('v_workers','beat_at','timestamp','','When it was last heard from.');
INSERT INTO "data_dictionary" VALUES('v_workers','boot_id','text','','Which start of that host, so that process numbers can be compared.');
INSERT INTO "data_dictionary" VALUES('v_workers','device','text','','Device as torch names it: cpu, cuda:0.');
INSERT INTO "data_dictionary" VALUES('v_workers','device_class','text','','Devices of one class give the same bits.');
INSERT INTO "data_dictionary" VALUES('v_workers','device_name','text','','The device''s model name.');
INSERT INTO "data_dictionary" VALUES('v_workers','host','text','','Host it runs on.');
INSERT INTO "data_dictionary" VALUES('v_workers','model_steps_per_second','real','1/s','Training steps of all its models together.');
INSERT INTO "data_dictionary" VALUES('v_workers','models_done','integer','','Models it has finished.');
INSERT INTO "data_dictionary" VALUES('v_workers','n_running','integer','','Jobs it holds.');
INSERT INTO "data_dictionary" VALUES('v_workers','pid','integer','','Process number on that host.');
INSERT INTO "data_dictionary" VALUES('v_workers','started_at','timestamp','','When it started.');
INSERT INTO "data_dictionary" VALUES('v_workers','stopped_at','timestamp','','When it stopped in good order; NULL while it runs, or if it was lost.');
INSERT INTO "data_dictionary" VALUES('v_workers','versions','text','','Versions of sensdb, the engine and the libraries, JSON.');
INSERT INTO "data_dictionary" VALUES('v_workers','worker_id','text','','Name of the worker, new at each start.');
INSERT INTO "data_dictionary" VALUES('workers','','','','The processes that train; one row a start of a worker.');
INSERT INTO "data_dictionary" VALUES('workers','beat_at','timestamp','','When it was last heard from.');
INSERT INTO "data_dictionary" VALUES('workers','boot_id','text','','Which start of that host, so that process numbers can be compared.');
INSERT INTO "data_dictionary" VALUES('workers','device','text','','Device as torch names it: cpu, cuda:0.');
INSERT INTO "data_dictionary" VALUES('workers','device_class','text','','Devices of one class give the same bits.');
INSERT INTO "data_dictionary" VALUES('workers','device_name','text','','The device''s model name.');
INSERT INTO "data_dictionary" VALUES('workers','host','text','','Host it runs on.');
INSERT INTO "data_dictionary" VALUES('workers','model_steps_per_second','real','1/s','Training steps of all its models together.');
INSERT INTO "data_dictionary" VALUES('workers','models_done','integer','','Models it has finished.');
INSERT INTO "data_dictionary" VALUES('workers','pid','integer','','Process number on that host.');
INSERT INTO "data_dictionary" VALUES('workers','started_at','timestamp','','When it started.');
INSERT INTO "data_dictionary" VALUES('workers','stopped_at','timestamp','','When it stopped in good order; NULL while it runs, or if it was lost.');
INSERT INTO "data_dictionary" VALUES('workers','versions','text','','Versions of sensdb, the engine and the libraries, JSON.');
INSERT INTO "data_dictionary" VALUES('workers','worker_id','text','','Name of the worker, new at each start.');
CREATE TABLE database_identity (
	id INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	created_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') NOT NULL, 
	CONSTRAINT pk_database_identity PRIMARY KEY (id), 
	CONSTRAINT ck_database_identity_one_row CHECK (id = 1), 
	CONSTRAINT ck_database_identity_created_at_form CHECK (length(created_at) = 26)
)
 STRICT

;
INSERT INTO "database_identity" VALUES(1,'5fc80903-ab01-48a8-90f7-3c9d66dcfa11','2026-11-27 21:49:25.059000');
CREATE TABLE dataset_points (
	dataset TEXT NOT NULL, 
	split TEXT NOT NULL, 
	point_index INTEGER NOT NULL, 
	label INTEGER NOT NULL, 
	CONSTRAINT pk_dataset_points PRIMARY KEY (dataset, split, point_index), 
	CONSTRAINT fk_dataset_points_dataset_datasets FOREIGN KEY(dataset) REFERENCES datasets (dataset), 
	CONSTRAINT ck_dataset_points_split CHECK (split IN ('train', 'test'))
)
 WITHOUT ROWID,
 STRICT

;
CREATE TABLE datasets (
	dataset TEXT NOT NULL, 
	name TEXT NOT NULL, 
	last_path TEXT, 
	n_train INTEGER NOT NULL, 
	n_test INTEGER NOT NULL, 
	height INTEGER NOT NULL, 
	width INTEGER NOT NULL, 
	channels INTEGER NOT NULL, 
	n_classes INTEGER NOT NULL, 
	checksum TEXT, 
	CONSTRAINT pk_datasets PRIMARY KEY (dataset), 
	CONSTRAINT ck_datasets_checksum_length CHECK (length(checksum) = 64)
)
 STRICT

;
INSERT INTO "datasets" VALUES('digits','digits',NULL,1200,597,8,8,1,10,NULL);
CREATE TABLE jobs (
	model_id INTEGER NOT NULL, 
	state TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	measure TEXT NOT NULL, 
	held INTEGER DEFAULT 0 NOT NULL, 
	priority INTEGER DEFAULT 0 NOT NULL, 
	pack_key TEXT NOT NULL, 
	run_after TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') NOT NULL, 
	attempt INTEGER DEFAULT 0 NOT NULL, 
	exceptions INTEGER DEFAULT 0 NOT NULL, 
	losses INTEGER DEFAULT 0 NOT NULL, 
	worker_id TEXT, 
	lease_until TEXT, 
	cancel_requested INTEGER DEFAULT 0 NOT NULL, 
	finished_at TEXT, 
	CONSTRAINT pk_jobs PRIMARY KEY (model_id), 
	CONSTRAINT fk_jobs_model_id_models FOREIGN KEY(model_id) REFERENCES models (model_id), 
	CONSTRAINT ck_jobs_lease_exactly_while_running CHECK ((state = 'running') = (lease_until IS NOT NULL)), 
	CONSTRAINT ck_jobs_running_has_a_worker CHECK (state <> 'running' OR worker_id IS NOT NULL), 
	CONSTRAINT ck_jobs_finished_exactly_when_ended CHECK ((state IN ('done', 'dead', 'cancelled')) = (finished_at IS NOT NULL)), 
	CONSTRAINT ck_jobs_cancel_request_only_while_running CHECK (state = 'running' OR NOT cancel_requested), 
	CONSTRAINT ck_jobs_attempts_cover_the_budgets CHECK (exceptions >= 0 AND losses >= 0 AND attempt >= exceptions + losses), 
	CONSTRAINT ck_jobs_state CHECK (state IN ('queued', 'running', 'done', 'dead', 'cancelled')), 
	CONSTRAINT ck_jobs_kind CHECK (kind IN ('train', 'measure')), 
	CONSTRAINT ck_jobs_held_flag CHECK (held IN (0, 1)), 
	CONSTRAINT ck_jobs_run_after_form CHECK (length(run_after) = 26), 
	CONSTRAINT ck_jobs_lease_until_form CHECK (length(lease_until) = 26), 
	CONSTRAINT ck_jobs_cancel_requested_flag CHECK (cancel_requested IN (0, 1)), 
	CONSTRAINT ck_jobs_finished_at_form CHECK (length(finished_at) = 26)
)
 STRICT

;
INSERT INTO "jobs" VALUES(1,'done','train','{"keep_weights":false,"points":"all","regions":false,"spectral":true,"trajectories":0,"transitions":{"method":"exact","points":1000,"samples":null}}',0,0,'digits/whole/64-4-10/relu/no-biases/cross_entropy/none/momentum0.9/batch32/float32','2026-11-27 21:49:25.214000',1,0,0,'worker',NULL,0,'2026-11-27 21:49:25.706000');
INSERT INTO "jobs" VALUES(2,'done','train','{"keep_weights":false,"points":"all","regions":false,"spectral":true,"trajectories":0,"transitions":{"method":"exact","points":1000,"samples":null}}',0,0,'digits/whole/64-4-10/relu/no-biases/cross_entropy/none/momentum0.9/batch32/float32','2026-11-27 21:49:25.214000',1,0,0,'worker',NULL,0,'2026-11-27 21:49:25.706000');
INSERT INTO "jobs" VALUES(3,'dead','train','{"keep_weights":false,"points":"all","regions":false,"spectral":true,"trajectories":0,"transitions":{"method":"exact","points":1000,"samples":null}}',0,0,'digits/whole/64-4-10/relu/no-biases/cross_entropy/none/momentum0.9/batch32/float32','2026-11-27 21:49:34.897000',1,1,0,NULL,NULL,0,'2026-11-27 21:49:25.826000');
INSERT INTO "jobs" VALUES(4,'running','train','{"keep_weights":false,"points":"all","regions":false,"spectral":true,"trajectories":0,"transitions":{"method":"exact","points":1000,"samples":null}}',0,0,'digits/whole/64-4-10/relu/no-biases/cross_entropy/none/momentum0.9/batch32/float32','2026-11-27 21:49:25.214000',1,0,0,'worker','2026-11-27 21:51:25.851000',0,NULL);
INSERT INTO "jobs" VALUES(5,'queued','train','{"keep_weights":false,"points":"all","regions":false,"spectral":true,"trajectories":0,"transitions":{"method":"exact","points":1000,"samples":null}}',0,0,'digits/whole/64-4-10/relu/no-biases/cross_entropy/none/momentum0.9/batch32/float32','2026-11-27 21:49:25.214000',0,0,0,NULL,NULL,0,NULL);
CREATE TABLE model_metrics (
	model_id INTEGER NOT NULL, 
	result_id TEXT NOT NULL, 
	attempt INTEGER NOT NULL, 
	measured_on TEXT NOT NULL, 
	stop_reason TEXT, 
	fitted INTEGER, 
	steps INTEGER, 
	train_accuracy REAL, 
	test_accuracy REAL, 
	generalization_gap REAL, 
	train_loss REAL, 
	test_loss REAL, 
	loss_mean REAL, 
	loss_median REAL, 
	loss_q05 REAL, 
	loss_q25 REAL, 
	loss_q75 REAL, 
	loss_q95 REAL, 
	loss_mean_right REAL, 
	loss_mean_train REAL, 
	doubt_mean REAL, 
	doubt_median REAL, 
	doubt_q05 REAL, 
	doubt_q25 REAL, 
	doubt_q75 REAL, 
	doubt_q95 REAL, 
	doubt_mean_right REAL, 
	doubt_mean_train REAL, 
	entropy_mean REAL, 
	entropy_median REAL, 
	entropy_q05 REAL, 
	entropy_q25 REAL, 
	entropy_q75 REAL, 
	entropy_q95 REAL, 
	entropy_mean_right REAL, 
	entropy_mean_train REAL, 
	margin_mean REAL, 
	margin_median REAL, 
	margin_q05 REAL, 
	margin_q25 REAL, 
	margin_q75 REAL, 
	margin_q95 REAL, 
	margin_mean_right REAL, 
	margin_mean_train REAL, 
	jacobian_norm_mean REAL, 
	jacobian_norm_median REAL, 
	jacobian_norm_q05 REAL, 
	jacobian_norm_q25 REAL, 
	jacobian_norm_q75 REAL, 
	jacobian_norm_q95 REAL, 
	jacobian_norm_mean_right REAL, 
	jacobian_norm_mean_train REAL, 
	log10_jacobian_norm_mean REAL, 
	log10_jacobian_norm_median REAL, 
	log10_jacobian_norm_q05 REAL, 
	log10_jacobian_norm_q25 REAL, 
	log10_jacobian_norm_q75 REAL, 
	log10_jacobian_norm_q95 REAL, 
	log10_jacobian_norm_mean_right REAL, 
	log10_jacobian_norm_mean_train REAL, 
	logit_jacobian_norm_mean REAL, 
	logit_jacobian_norm_median REAL, 
	logit_jacobian_norm_q05 REAL, 
	logit_jacobian_norm_q25 REAL, 
	logit_jacobian_norm_q75 REAL, 
	logit_jacobian_norm_q95 REAL, 
	logit_jacobian_norm_mean_right REAL, 
	logit_jacobian_norm_mean_train REAL, 
	jacobian_spectral_norm_mean REAL, 
	jacobian_spectral_norm_median REAL, 
	jacobian_spectral_norm_q05 REAL, 
	jacobian_spectral_norm_q25 REAL, 
	jacobian_spectral_norm_q75 REAL, 
	jacobian_spectral_norm_q95 REAL, 
	jacobian_spectral_norm_mean_right REAL, 
	jacobian_spectral_norm_mean_train REAL, 
	logit_jacobian_spectral_norm_mean REAL, 
	logit_jacobian_spectral_norm_median REAL, 
	logit_jacobian_spectral_norm_q05 REAL, 
	logit_jacobian_spectral_norm_q25 REAL, 
	logit_jacobian_spectral_norm_q75 REAL, 
	logit_jacobian_spectral_norm_q95 REAL, 
	logit_jacobian_spectral_norm_mean_right REAL, 
	logit_jacobian_spectral_norm_mean_train REAL, 
	input_gradient_norm_mean REAL, 
	input_gradient_norm_median REAL, 
	input_gradient_norm_q05 REAL, 
	input_gradient_norm_q25 REAL, 
	input_gradient_norm_q75 REAL, 
	input_gradient_norm_q95 REAL, 
	input_gradient_norm_mean_right REAL, 
	input_gradient_norm_mean_train REAL, 
	boundary_distance_mean REAL, 
	boundary_distance_median REAL, 
	boundary_distance_q05 REAL, 
	boundary_distance_q25 REAL, 
	boundary_distance_q75 REAL, 
	boundary_distance_q95 REAL, 
	boundary_distance_mean_right REAL, 
	boundary_distance_mean_train REAL, 
	transitions_mean REAL, 
	transitions_median REAL, 
	transitions_q05 REAL, 
	transitions_q25 REAL, 
	transitions_q75 REAL, 
	transitions_q95 REAL, 
	transitions_mean_right REAL, 
	transitions_mean_train REAL, 
	n_zero_jacobian INTEGER, 
	n_points_stored INTEGER, 
	weight_norm REAL, 
	log10_weight_norm_product REAL, 
	log10_weight_spectral_norm_product REAL, 
	train_seconds REAL, 
	measure_seconds REAL, 
	transitions_method TEXT, 
	transitions_points INTEGER, 
	engine_version TEXT NOT NULL, 
	device_class TEXT NOT NULL, 
	CONSTRAINT pk_model_metrics PRIMARY KEY (model_id), 
	CONSTRAINT uq_model_metrics_result_id UNIQUE (result_id), 
	CONSTRAINT fk_model_metrics_model_id_models FOREIGN KEY(model_id) REFERENCES models (model_id), 
	CONSTRAINT ck_model_metrics_stop_reason CHECK (stop_reason IN ('budget', 'fitted', 'loss', 'converged', 'diverged', 'imported')), 
	CONSTRAINT ck_model_metrics_fitted_flag CHECK (fitted IN (0, 1)), 
	CONSTRAINT ck_model_metrics_train_accuracy_finite CHECK (train_accuracy > -9e999 AND train_accuracy < 9e999), 
	CONSTRAINT ck_model_metrics_test_accuracy_finite CHECK (test_accuracy > -9e999 AND test_accuracy < 9e999), 
	CONSTRAINT ck_model_metrics_generalization_gap_finite CHECK (generalization_gap > -9e999 AND generalization_gap < 9e999), 
	CONSTRAINT ck_model_metrics_train_loss_finite CHECK (train_loss > -9e999 AND train_loss < 9e999), 
	CONSTRAINT ck_model_metrics_test_loss_finite CHECK (test_loss > -9e999 AND test_loss < 9e999), 
	CONSTRAINT ck_model_metrics_loss_mean_finite CHECK (loss_mean > -9e999 AND loss_mean < 9e999), 
	CONSTRAINT ck_model_metrics_loss_median_finite CHECK (loss_median > -9e999 AND loss_median < 9e999), 
	CONSTRAINT ck_model_metrics_loss_q05_finite CHECK (loss_q05 > -9e999 AND loss_q05 < 9e999), 
	CONSTRAINT ck_model_metrics_loss_q25_finite CHECK (loss_q25 > -9e999 AND loss_q25 < 9e999), 
	CONSTRAINT ck_model_metrics_loss_q75_finite CHECK (loss_q75 > -9e999 AND loss_q75 < 9e999), 
	CONSTRAINT ck_model_metrics_loss_q95_finite CHECK (loss_q95 > -9e999 AND loss_q95 < 9e999), 
	CONSTRAINT ck_model_metrics_loss_mean_right_finite CHECK (loss_mean_right > -9e999 AND loss_mean_right < 9e999), 
	CONSTRAINT ck_model_metrics_loss_mean_train_finite CHECK (loss_mean_train > -9e999 AND loss_mean_train < 9e999), 
	CONSTRAINT ck_model_metrics_doubt_mean_finite CHECK (doubt_mean > -9e999 AND doubt_mean < 9e999), 
	CONSTRAINT ck_model_metrics_doubt_median_finite CHECK (doubt_median > -9e999 AND doubt_median < 9e999), 
	CONSTRAINT ck_model_metrics_doubt_q05_finite CHECK (doubt_q05 > -9e999 AND doubt_q05 < 9e999), 
	CONSTRAINT ck_model_metrics_doubt_q25_finite CHECK (doubt_q25 > -9e999 AND doubt_q25 < 9e999), 
	CONSTRAINT ck_model_metrics_doubt_q75_finite CHECK (doubt_q75 > -9e999 AND doubt_q75 < 9e999), 
	CONSTRAINT ck_model_metrics_doubt_q95_finite CHECK (doubt_q95 > -9e999 AND doubt_q95 < 9e999), 
	CONSTRAINT ck_model_metrics_doubt_mean_right_finite CHECK (doubt_mean_right > -9e999 AND doubt_mean_right < 9e999), 
	CONSTRAINT ck_model_metrics_doubt_mean_train_finite CHECK (doubt_mean_train > -9e999 AND doubt_mean_train < 9e999), 
	CONSTRAINT ck_model_metrics_entropy_mean_finite CHECK (entropy_mean > -9e999 AND entropy_mean < 9e999), 
	CONSTRAINT ck_model_metrics_entropy_median_finite CHECK (entropy_median > -9e999 AND entropy_median < 9e999), 
	CONSTRAINT ck_model_metrics_entropy_q05_finite CHECK (entropy_q05 > -9e999 AND entropy_q05 < 9e999), 
	CONSTRAINT ck_model_metrics_entropy_q25_finite CHECK (entropy_q25 > -9e999 AND entropy_q25 < 9e999), 
	CONSTRAINT ck_model_metrics_entropy_q75_finite CHECK (entropy_q75 > -9e999 AND entropy_q75 < 9e999), 
	CONSTRAINT ck_model_metrics_entropy_q95_finite CHECK (entropy_q95 > -9e999 AND entropy_q95 < 9e999), 
	CONSTRAINT ck_model_metrics_entropy_mean_right_finite CHECK (entropy_mean_right > -9e999 AND entropy_mean_right < 9e999), 
	CONSTRAINT ck_model_metrics_entropy_mean_train_finite CHECK (entropy_mean_train > -9e999 AND entropy_mean_train < 9e999), 
	CONSTRAINT ck_model_metrics_margin_mean_finite CHECK (margin_mean > -9e999 AND margin_mean < 9e999), 
	CONSTRAINT ck_model_metrics_margin_median_finite CHECK (margin_median > -9e999 AND margin_median < 9e999), 
	CONSTRAINT ck_model_metrics_margin_q05_finite CHECK (margin_q05 > -9e999 AND margin_q05 < 9e999), 
	CONSTRAINT ck_model_metrics_margin_q25_finite CHECK (margin_q25 > -9e999 AND margin_q25 < 9e999), 
	CONSTRAINT ck_model_metrics_margin_q75_finite CHECK (margin_q75 > -9e999 AND margin_q75 < 9e999), 
	CONSTRAINT ck_model_metrics_margin_q95_finite CHECK (margin_q95 > -9e999 AND margin_q95 < 9e999), 
	CONSTRAINT ck_model_metrics_margin_mean_right_finite CHECK (margin_mean_right > -9e999 AND margin_mean_right < 9e999), 
	CONSTRAINT ck_model_metrics_margin_mean_train_finite CHECK (margin_mean_train > -9e999 AND margin_mean_train < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_norm_mean_finite CHECK (jacobian_norm_mean > -9e999 AND jacobian_norm_mean < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_norm_median_finite CHECK (jacobian_norm_median > -9e999 AND jacobian_norm_median < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_norm_q05_finite CHECK (jacobian_norm_q05 > -9e999 AND jacobian_norm_q05 < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_norm_q25_finite CHECK (jacobian_norm_q25 > -9e999 AND jacobian_norm_q25 < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_norm_q75_finite CHECK (jacobian_norm_q75 > -9e999 AND jacobian_norm_q75 < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_norm_q95_finite CHECK (jacobian_norm_q95 > -9e999 AND jacobian_norm_q95 < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_norm_mean_right_finite CHECK (jacobian_norm_mean_right > -9e999 AND jacobian_norm_mean_right < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_norm_mean_train_finite CHECK (jacobian_norm_mean_train > -9e999 AND jacobian_norm_mean_train < 9e999), 
	CONSTRAINT ck_model_metrics_log10_jacobian_norm_mean_finite CHECK (log10_jacobian_norm_mean > -9e999 AND log10_jacobian_norm_mean < 9e999), 
	CONSTRAINT ck_model_metrics_log10_jacobian_norm_median_finite CHECK (log10_jacobian_norm_median > -9e999 AND log10_jacobian_norm_median < 9e999), 
	CONSTRAINT ck_model_metrics_log10_jacobian_norm_q05_finite CHECK (log10_jacobian_norm_q05 > -9e999 AND log10_jacobian_norm_q05 < 9e999), 
	CONSTRAINT ck_model_metrics_log10_jacobian_norm_q25_finite CHECK (log10_jacobian_norm_q25 > -9e999 AND log10_jacobian_norm_q25 < 9e999), 
	CONSTRAINT ck_model_metrics_log10_jacobian_norm_q75_finite CHECK (log10_jacobian_norm_q75 > -9e999 AND log10_jacobian_norm_q75 < 9e999), 
	CONSTRAINT ck_model_metrics_log10_jacobian_norm_q95_finite CHECK (log10_jacobian_norm_q95 > -9e999 AND log10_jacobian_norm_q95 < 9e999), 
	CONSTRAINT ck_model_metrics_log10_jacobian_norm_mean_right_finite CHECK (log10_jacobian_norm_mean_right > -9e999 AND log10_jacobian_norm_mean_right < 9e999), 
	CONSTRAINT ck_model_metrics_log10_jacobian_norm_mean_train_finite CHECK (log10_jacobian_norm_mean_train > -9e999 AND log10_jacobian_norm_mean_train < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_norm_mean_finite CHECK (logit_jacobian_norm_mean > -9e999 AND logit_jacobian_norm_mean < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_norm_median_finite CHECK (logit_jacobian_norm_median > -9e999 AND logit_jacobian_norm_median < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_norm_q05_finite CHECK (logit_jacobian_norm_q05 > -9e999 AND logit_jacobian_norm_q05 < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_norm_q25_finite CHECK (logit_jacobian_norm_q25 > -9e999 AND logit_jacobian_norm_q25 < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_norm_q75_finite CHECK (logit_jacobian_norm_q75 > -9e999 AND logit_jacobian_norm_q75 < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_norm_q95_finite CHECK (logit_jacobian_norm_q95 > -9e999 AND logit_jacobian_norm_q95 < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_norm_mean_right_finite CHECK (logit_jacobian_norm_mean_right > -9e999 AND logit_jacobian_norm_mean_right < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_norm_mean_train_finite CHECK (logit_jacobian_norm_mean_train > -9e999 AND logit_jacobian_norm_mean_train < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_spectral_norm_mean_finite CHECK (jacobian_spectral_norm_mean > -9e999 AND jacobian_spectral_norm_mean < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_spectral_norm_median_finite CHECK (jacobian_spectral_norm_median > -9e999 AND jacobian_spectral_norm_median < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_spectral_norm_q05_finite CHECK (jacobian_spectral_norm_q05 > -9e999 AND jacobian_spectral_norm_q05 < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_spectral_norm_q25_finite CHECK (jacobian_spectral_norm_q25 > -9e999 AND jacobian_spectral_norm_q25 < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_spectral_norm_q75_finite CHECK (jacobian_spectral_norm_q75 > -9e999 AND jacobian_spectral_norm_q75 < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_spectral_norm_q95_finite CHECK (jacobian_spectral_norm_q95 > -9e999 AND jacobian_spectral_norm_q95 < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_spectral_norm_mean_right_finite CHECK (jacobian_spectral_norm_mean_right > -9e999 AND jacobian_spectral_norm_mean_right < 9e999), 
	CONSTRAINT ck_model_metrics_jacobian_spectral_norm_mean_train_finite CHECK (jacobian_spectral_norm_mean_train > -9e999 AND jacobian_spectral_norm_mean_train < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_spectral_norm_mean_finite CHECK (logit_jacobian_spectral_norm_mean > -9e999 AND logit_jacobian_spectral_norm_mean < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_spectral_norm_median_finite CHECK (logit_jacobian_spectral_norm_median > -9e999 AND logit_jacobian_spectral_norm_median < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_spectral_norm_q05_finite CHECK (logit_jacobian_spectral_norm_q05 > -9e999 AND logit_jacobian_spectral_norm_q05 < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_spectral_norm_q25_finite CHECK (logit_jacobian_spectral_norm_q25 > -9e999 AND logit_jacobian_spectral_norm_q25 < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_spectral_norm_q75_finite CHECK (logit_jacobian_spectral_norm_q75 > -9e999 AND logit_jacobian_spectral_norm_q75 < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_spectral_norm_q95_finite CHECK (logit_jacobian_spectral_norm_q95 > -9e999 AND logit_jacobian_spectral_norm_q95 < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_spectral_norm_mean_right_finite CHECK (logit_jacobian_spectral_norm_mean_right > -9e999 AND logit_jacobian_spectral_norm_mean_right < 9e999), 
	CONSTRAINT ck_model_metrics_logit_jacobian_spectral_norm_mean_train_finite CHECK (logit_jacobian_spectral_norm_mean_train > -9e999 AND logit_jacobian_spectral_norm_mean_train < 9e999), 
	CONSTRAINT ck_model_metrics_input_gradient_norm_mean_finite CHECK (input_gradient_norm_mean > -9e999 AND input_gradient_norm_mean < 9e999), 
	CONSTRAINT ck_model_metrics_input_gradient_norm_median_finite CHECK (input_gradient_norm_median > -9e999 AND input_gradient_norm_median < 9e999), 
	CONSTRAINT ck_model_metrics_input_gradient_norm_q05_finite CHECK (input_gradient_norm_q05 > -9e999 AND input_gradient_norm_q05 < 9e999), 
	CONSTRAINT ck_model_metrics_input_gradient_norm_q25_finite CHECK (input_gradient_norm_q25 > -9e999 AND input_gradient_norm_q25 < 9e999), 
	CONSTRAINT ck_model_metrics_input_gradient_norm_q75_finite CHECK (input_gradient_norm_q75 > -9e999 AND input_gradient_norm_q75 < 9e999), 
	CONSTRAINT ck_model_metrics_input_gradient_norm_q95_finite CHECK (input_gradient_norm_q95 > -9e999 AND input_gradient_norm_q95 < 9e999), 
	CONSTRAINT ck_model_metrics_input_gradient_norm_mean_right_finite CHECK (input_gradient_norm_mean_right > -9e999 AND input_gradient_norm_mean_right < 9e999), 
	CONSTRAINT ck_model_metrics_input_gradient_norm_mean_train_finite CHECK (input_gradient_norm_mean_train > -9e999 AND input_gradient_norm_mean_train < 9e999), 
	CONSTRAINT ck_model_metrics_boundary_distance_mean_finite CHECK (boundary_distance_mean > -9e999 AND boundary_distance_mean < 9e999), 
	CONSTRAINT ck_model_metrics_boundary_distance_median_finite CHECK (boundary_distance_median > -9e999 AND boundary_distance_median < 9e999), 
	CONSTRAINT ck_model_metrics_boundary_distance_q05_finite CHECK (boundary_distance_q05 > -9e999 AND boundary_distance_q05 < 9e999), 
	CONSTRAINT ck_model_metrics_boundary_distance_q25_finite CHECK (boundary_distance_q25 > -9e999 AND boundary_distance_q25 < 9e999), 
	CONSTRAINT ck_model_metrics_boundary_distance_q75_finite CHECK (boundary_distance_q75 > -9e999 AND boundary_distance_q75 < 9e999), 
	CONSTRAINT ck_model_metrics_boundary_distance_q95_finite CHECK (boundary_distance_q95 > -9e999 AND boundary_distance_q95 < 9e999), 
	CONSTRAINT ck_model_metrics_boundary_distance_mean_right_finite CHECK (boundary_distance_mean_right > -9e999 AND boundary_distance_mean_right < 9e999), 
	CONSTRAINT ck_model_metrics_boundary_distance_mean_train_finite CHECK (boundary_distance_mean_train > -9e999 AND boundary_distance_mean_train < 9e999), 
	CONSTRAINT ck_model_metrics_transitions_mean_finite CHECK (transitions_mean > -9e999 AND transitions_mean < 9e999), 
	CONSTRAINT ck_model_metrics_transitions_median_finite CHECK (transitions_median > -9e999 AND transitions_median < 9e999), 
	CONSTRAINT ck_model_metrics_transitions_q05_finite CHECK (transitions_q05 > -9e999 AND transitions_q05 < 9e999), 
	CONSTRAINT ck_model_metrics_transitions_q25_finite CHECK (transitions_q25 > -9e999 AND transitions_q25 < 9e999), 
	CONSTRAINT ck_model_metrics_transitions_q75_finite CHECK (transitions_q75 > -9e999 AND transitions_q75 < 9e999), 
	CONSTRAINT ck_model_metrics_transitions_q95_finite CHECK (transitions_q95 > -9e999 AND transitions_q95 < 9e999), 
	CONSTRAINT ck_model_metrics_transitions_mean_right_finite CHECK (transitions_mean_right > -9e999 AND transitions_mean_right < 9e999), 
	CONSTRAINT ck_model_metrics_transitions_mean_train_finite CHECK (transitions_mean_train > -9e999 AND transitions_mean_train < 9e999), 
	CONSTRAINT ck_model_metrics_weight_norm_finite CHECK (weight_norm > -9e999 AND weight_norm < 9e999), 
	CONSTRAINT ck_model_metrics_log10_weight_norm_product_finite CHECK (log10_weight_norm_product > -9e999 AND log10_weight_norm_product < 9e999), 
	CONSTRAINT ck_model_metrics_log10_weight_spectral_norm_product_finite CHECK (log10_weight_spectral_norm_product > -9e999 AND log10_weight_spectral_norm_product < 9e999), 
	CONSTRAINT ck_model_metrics_train_seconds_finite CHECK (train_seconds > -9e999 AND train_seconds < 9e999), 
	CONSTRAINT ck_model_metrics_measure_seconds_finite CHECK (measure_seconds > -9e999 AND measure_seconds < 9e999)
)
 STRICT

;
INSERT INTO "model_metrics" VALUES(1,'18c8861f-eb25-43af-8cab-fdfc31096e8a',1,'cpu-test','fitted',1,7,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,7,2,0.5,0.5,0.5,0.5,0.5,'exact',7,'1','cpu-test');
INSERT INTO "model_metrics" VALUES(2,'d22ed6d6-42e0-4756-ba15-44e1a2586e02',1,'cpu-test','fitted',1,7,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,7,1,0.5,0.5,0.5,0.5,0.5,'exact',7,'1','cpu-test');
CREATE TABLE models (
	model_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	spec_sha256 TEXT NOT NULL, 
	configuration_sha256 TEXT NOT NULL, 
	spec TEXT NOT NULL, 
	dataset TEXT NOT NULL, 
	n_train INTEGER, 
	crop INTEGER, 
	hidden_layers INTEGER NOT NULL, 
	width INTEGER, 
	widths TEXT NOT NULL, 
	nonlinearity TEXT NOT NULL, 
	biases INTEGER NOT NULL, 
	weight_scale REAL, 
	label_noise REAL, 
	augmentation TEXT, 
	loss TEXT, 
	optimizer TEXT, 
	momentum REAL, 
	learning_rate REAL, 
	learning_rate_drop_epochs INTEGER, 
	batch_size INTEGER, 
	full_batch INTEGER, 
	max_steps INTEGER, 
	stop_rule TEXT, 
	stop_loss REAL, 
	dtype TEXT NOT NULL, 
	seed INTEGER, 
	source_sha256 TEXT, 
	n_train_points INTEGER, 
	n_test_points INTEGER NOT NULL, 
	n_classes INTEGER NOT NULL, 
	input_size INTEGER NOT NULL, 
	n_parameters INTEGER NOT NULL, 
	n_hidden_units INTEGER NOT NULL, 
	created_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') NOT NULL, 
	CONSTRAINT uq_models_spec_sha256 UNIQUE (spec_sha256), 
	CONSTRAINT ck_models_model_id_range CHECK (model_id BETWEEN 1 AND 9007199254740991), 
	CONSTRAINT ck_models_spec_sha256_length CHECK (length(spec_sha256) = 64), 
	CONSTRAINT ck_models_configuration_sha256_length CHECK (length(configuration_sha256) = 64), 
	CONSTRAINT ck_models_biases_flag CHECK (biases IN (0, 1)), 
	CONSTRAINT ck_models_weight_scale_finite CHECK (weight_scale > -9e999 AND weight_scale < 9e999), 
	CONSTRAINT ck_models_label_noise_finite CHECK (label_noise > -9e999 AND label_noise < 9e999), 
	CONSTRAINT ck_models_momentum_finite CHECK (momentum > -9e999 AND momentum < 9e999), 
	CONSTRAINT ck_models_learning_rate_finite CHECK (learning_rate > -9e999 AND learning_rate < 9e999), 
	CONSTRAINT ck_models_full_batch_flag CHECK (full_batch IN (0, 1)), 
	CONSTRAINT ck_models_stop_loss_finite CHECK (stop_loss > -9e999 AND stop_loss < 9e999), 
	CONSTRAINT ck_models_seed_range CHECK (seed BETWEEN 0 AND 9007199254740991), 
	CONSTRAINT ck_models_source_sha256_length CHECK (length(source_sha256) = 64), 
	CONSTRAINT ck_models_n_parameters_range CHECK (n_parameters BETWEEN 0 AND 9007199254740991), 
	CONSTRAINT ck_models_n_hidden_units_range CHECK (n_hidden_units BETWEEN 0 AND 9007199254740991), 
	CONSTRAINT ck_models_created_at_form CHECK (length(created_at) = 26)
)
 STRICT

;
INSERT INTO "models" VALUES(1,'359618e5e33992a71718e5017476889eef4893829f435045f1431745eeb541c9','49a4c34ea6afb047451be6005f99d1ee626534e101feefba41140da338d0ac08','{"augmentation":"none","batch_size":32,"biases":false,"crop":null,"dataset":"digits","dtype":"float32","hidden_layers":1,"label_noise":0.0,"learning_rate":0.1,"learning_rate_drop_epochs":null,"loss":"cross_entropy","max_steps":262144,"momentum":0.9,"n_train":null,"nonlinearity":"relu","optimizer":"momentum","seed":2,"spec_version":1,"stop":"never","weight_scale":1.0,"width":4}','digits',NULL,NULL,1,4,'[4]','relu',0,1.0,0.0,'none','cross_entropy','momentum',0.9,0.1,NULL,32,0,262144,'never',NULL,'float32',2,NULL,1200,597,10,64,296,4,'2026-11-27 21:49:25.207000');
INSERT INTO "models" VALUES(2,'644eaf04a2f200fb9121d19282cabbc9988950deafbc86c43075d3d539271f6f','49a4c34ea6afb047451be6005f99d1ee626534e101feefba41140da338d0ac08','{"augmentation":"none","batch_size":32,"biases":false,"crop":null,"dataset":"digits","dtype":"float32","hidden_layers":1,"label_noise":0.0,"learning_rate":0.1,"learning_rate_drop_epochs":null,"loss":"cross_entropy","max_steps":262144,"momentum":0.9,"n_train":null,"nonlinearity":"relu","optimizer":"momentum","seed":4,"spec_version":1,"stop":"never","weight_scale":1.0,"width":4}','digits',NULL,NULL,1,4,'[4]','relu',0,1.0,0.0,'none','cross_entropy','momentum',0.9,0.1,NULL,32,0,262144,'never',NULL,'float32',4,NULL,1200,597,10,64,296,4,'2026-11-27 21:49:25.207000');
INSERT INTO "models" VALUES(3,'a035960f6e9f7224e9c11ade4b4911f258abd6b0a34041aa9d472724dd684e41','49a4c34ea6afb047451be6005f99d1ee626534e101feefba41140da338d0ac08','{"augmentation":"none","batch_size":32,"biases":false,"crop":null,"dataset":"digits","dtype":"float32","hidden_layers":1,"label_noise":0.0,"learning_rate":0.1,"learning_rate_drop_epochs":null,"loss":"cross_entropy","max_steps":262144,"momentum":0.9,"n_train":null,"nonlinearity":"relu","optimizer":"momentum","seed":1,"spec_version":1,"stop":"never","weight_scale":1.0,"width":4}','digits',NULL,NULL,1,4,'[4]','relu',0,1.0,0.0,'none','cross_entropy','momentum',0.9,0.1,NULL,32,0,262144,'never',NULL,'float32',1,NULL,1200,597,10,64,296,4,'2026-11-27 21:49:25.207000');
INSERT INTO "models" VALUES(4,'cbba2113c10ea0e32912de3a11616418cf829cde2dc7ce9aa73e09b5bef512bc','49a4c34ea6afb047451be6005f99d1ee626534e101feefba41140da338d0ac08','{"augmentation":"none","batch_size":32,"biases":false,"crop":null,"dataset":"digits","dtype":"float32","hidden_layers":1,"label_noise":0.0,"learning_rate":0.1,"learning_rate_drop_epochs":null,"loss":"cross_entropy","max_steps":262144,"momentum":0.9,"n_train":null,"nonlinearity":"relu","optimizer":"momentum","seed":3,"spec_version":1,"stop":"never","weight_scale":1.0,"width":4}','digits',NULL,NULL,1,4,'[4]','relu',0,1.0,0.0,'none','cross_entropy','momentum',0.9,0.1,NULL,32,0,262144,'never',NULL,'float32',3,NULL,1200,597,10,64,296,4,'2026-11-27 21:49:25.207000');
INSERT INTO "models" VALUES(5,'fe6464fcaa7206d086ccc66ceeb6106b478539cb92e84875deda856449d66d93','49a4c34ea6afb047451be6005f99d1ee626534e101feefba41140da338d0ac08','{"augmentation":"none","batch_size":32,"biases":false,"crop":null,"dataset":"digits","dtype":"float32","hidden_layers":1,"label_noise":0.0,"learning_rate":0.1,"learning_rate_drop_epochs":null,"loss":"cross_entropy","max_steps":262144,"momentum":0.9,"n_train":null,"nonlinearity":"relu","optimizer":"momentum","seed":0,"spec_version":1,"stop":"never","weight_scale":1.0,"width":4}','digits',NULL,NULL,1,4,'[4]','relu',0,1.0,0.0,'none','cross_entropy','momentum',0.9,0.1,NULL,32,0,262144,'never',NULL,'float32',0,NULL,1200,597,10,64,296,4,'2026-11-27 21:49:25.207000');
CREATE TABLE point_metrics (
	model_id INTEGER NOT NULL, 
	point_index INTEGER NOT NULL, 
	label INTEGER, 
	predicted INTEGER, 
	correct INTEGER, 
	loss REAL, 
	doubt REAL, 
	entropy REAL, 
	margin REAL, 
	jacobian_norm REAL, 
	log10_jacobian_norm REAL, 
	logit_jacobian_norm REAL, 
	jacobian_spectral_norm REAL, 
	logit_jacobian_spectral_norm REAL, 
	input_gradient_norm REAL, 
	boundary_distance REAL, 
	transitions INTEGER, 
	CONSTRAINT pk_point_metrics PRIMARY KEY (model_id, point_index), 
	CONSTRAINT ck_point_metrics_finite CHECK (loss > -9e999 AND loss < 9e999 AND doubt > -9e999 AND doubt < 9e999 AND entropy > -9e999 AND entropy < 9e999 AND margin > -9e999 AND margin < 9e999 AND jacobian_norm > -9e999 AND jacobian_norm < 9e999 AND log10_jacobian_norm > -9e999 AND log10_jacobian_norm < 9e999 AND logit_jacobian_norm > -9e999 AND logit_jacobian_norm < 9e999 AND jacobian_spectral_norm > -9e999 AND jacobian_spectral_norm < 9e999 AND logit_jacobian_spectral_norm > -9e999 AND logit_jacobian_spectral_norm < 9e999 AND input_gradient_norm > -9e999 AND input_gradient_norm < 9e999 AND boundary_distance > -9e999 AND boundary_distance < 9e999), 
	CONSTRAINT ck_point_metrics_correct_flag CHECK (correct IN (0, 1))
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "point_metrics" VALUES(1,0,0,0,0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,0);
INSERT INTO "point_metrics" VALUES(1,1,1,1,1,1.10000002384185791015e+00,1.10000002384185791015e+00,1.10000002384185791015e+00,1.10000002384185791015e+00,1.10000002384185791015e+00,1.10000002384185791015e+00,1.10000002384185791015e+00,1.10000002384185791015e+00,1.10000002384185791015e+00,1.10000002384185791015e+00,1.10000002384185791015e+00,1);
INSERT INTO "point_metrics" VALUES(2,0,0,0,0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,1.0,0);
CREATE TABLE queue_settings (
	id INTEGER NOT NULL, 
	lease_seconds REAL NOT NULL, 
	beat_seconds REAL NOT NULL, 
	reap_seconds REAL NOT NULL, 
	poll_seconds REAL NOT NULL, 
	exception_budget INTEGER NOT NULL, 
	loss_budget INTEGER NOT NULL, 
	CONSTRAINT pk_queue_settings PRIMARY KEY (id), 
	CONSTRAINT ck_queue_settings_one_row CHECK (id = 1), 
	CONSTRAINT ck_queue_settings_beats_within_the_lease CHECK (beat_seconds > 0 AND beat_seconds < lease_seconds AND reap_seconds > 0 AND poll_seconds > 0), 
	CONSTRAINT ck_queue_settings_budgets_from_1 CHECK (exception_budget >= 1 AND loss_budget >= 1), 
	CONSTRAINT ck_queue_settings_lease_seconds_finite CHECK (lease_seconds > -9e999 AND lease_seconds < 9e999), 
	CONSTRAINT ck_queue_settings_beat_seconds_finite CHECK (beat_seconds > -9e999 AND beat_seconds < 9e999), 
	CONSTRAINT ck_queue_settings_reap_seconds_finite CHECK (reap_seconds > -9e999 AND reap_seconds < 9e999), 
	CONSTRAINT ck_queue_settings_poll_seconds_finite CHECK (poll_seconds > -9e999 AND poll_seconds < 9e999)
)
 STRICT

;
INSERT INTO "queue_settings" VALUES(1,120.0,20.0,30.0,1.0,3,5);
CREATE TABLE region_slices (
	model_id INTEGER NOT NULL, 
	slice INTEGER NOT NULL, 
	moment TEXT NOT NULL, 
	scope TEXT NOT NULL, 
	method TEXT NOT NULL, 
	n_regions INTEGER, 
	density_at_points REAL, 
	density_mean REAL, 
	artifact_id INTEGER, 
	CONSTRAINT pk_region_slices PRIMARY KEY (model_id, slice, moment, scope), 
	CONSTRAINT fk_region_slices_model_id_models FOREIGN KEY(model_id) REFERENCES models (model_id), 
	CONSTRAINT fk_region_slices_artifact_id_artifacts FOREIGN KEY(artifact_id) REFERENCES artifacts (artifact_id), 
	CONSTRAINT ck_region_slices_moment CHECK (moment IN ('before', 'after')), 
	CONSTRAINT ck_region_slices_scope CHECK (scope IN ('last_hidden', 'all')), 
	CONSTRAINT ck_region_slices_density_at_points_finite CHECK (density_at_points > -9e999 AND density_at_points < 9e999), 
	CONSTRAINT ck_region_slices_density_mean_finite CHECK (density_mean > -9e999 AND density_mean < 9e999)
)
 STRICT

;
CREATE TABLE sensdb_alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT sensdb_alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "sensdb_alembic_version" VALUES('0001');
CREATE TABLE sweep_definitions (
	sweep_id INTEGER NOT NULL, 
	definition_sha256 TEXT NOT NULL, 
	definition TEXT NOT NULL, 
	enqueued_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') NOT NULL, 
	n_models INTEGER NOT NULL, 
	CONSTRAINT pk_sweep_definitions PRIMARY KEY (sweep_id, definition_sha256), 
	CONSTRAINT fk_sweep_definitions_sweep_id_sweeps FOREIGN KEY(sweep_id) REFERENCES sweeps (sweep_id), 
	CONSTRAINT ck_sweep_definitions_definition_sha256_length CHECK (length(definition_sha256) = 64), 
	CONSTRAINT ck_sweep_definitions_enqueued_at_form CHECK (length(enqueued_at) = 26)
)
 STRICT

;
INSERT INTO "sweep_definitions" VALUES(1,'c444ab4fd42fa61b03c7f2c93317371f8c68d595a4641ec301b65c8ee393ce81','name: a study
','2026-11-27 21:49:25.180000',5);
CREATE TABLE sweep_models (
	sweep_id INTEGER NOT NULL, 
	model_id INTEGER NOT NULL, 
	CONSTRAINT pk_sweep_models PRIMARY KEY (sweep_id, model_id), 
	CONSTRAINT fk_sweep_models_sweep_id_sweeps FOREIGN KEY(sweep_id) REFERENCES sweeps (sweep_id), 
	CONSTRAINT fk_sweep_models_model_id_models FOREIGN KEY(model_id) REFERENCES models (model_id)
)
 WITHOUT ROWID,
 STRICT

;
INSERT INTO "sweep_models" VALUES(1,1);
INSERT INTO "sweep_models" VALUES(1,2);
INSERT INTO "sweep_models" VALUES(1,3);
INSERT INTO "sweep_models" VALUES(1,4);
INSERT INTO "sweep_models" VALUES(1,5);
CREATE TABLE sweeps (
	sweep_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	name TEXT NOT NULL, 
	description TEXT, 
	priority INTEGER DEFAULT 0 NOT NULL, 
	paused INTEGER DEFAULT 0 NOT NULL, 
	created_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') NOT NULL, 
	CONSTRAINT uq_sweeps_name UNIQUE (name), 
	CONSTRAINT ck_sweeps_sweep_id_range CHECK (sweep_id BETWEEN 1 AND 9007199254740991), 
	CONSTRAINT ck_sweeps_paused_flag CHECK (paused IN (0, 1)), 
	CONSTRAINT ck_sweeps_created_at_form CHECK (length(created_at) = 26)
)
 STRICT

;
INSERT INTO "sweeps" VALUES(1,'a study','made up',0,0,'2026-11-27 21:49:25.158000');
CREATE TABLE trajectory_metrics (
	model_id INTEGER NOT NULL, 
	trajectory INTEGER NOT NULL, 
	position INTEGER NOT NULL, 
	kind TEXT, 
	angle REAL, 
	jacobian_norm REAL, 
	log10_jacobian_norm REAL, 
	transitions INTEGER, 
	CONSTRAINT pk_trajectory_metrics PRIMARY KEY (model_id, trajectory, position), 
	CONSTRAINT ck_trajectory_metrics_finite CHECK (angle > -9e999 AND angle < 9e999 AND jacobian_norm > -9e999 AND jacobian_norm < 9e999 AND log10_jacobian_norm > -9e999 AND log10_jacobian_norm < 9e999)
)
 WITHOUT ROWID,
 STRICT

;
CREATE TABLE workers (
	worker_id TEXT NOT NULL, 
	host TEXT NOT NULL, 
	boot_id TEXT, 
	pid INTEGER NOT NULL, 
	device TEXT NOT NULL, 
	device_name TEXT, 
	device_class TEXT NOT NULL, 
	versions TEXT NOT NULL, 
	started_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') NOT NULL, 
	beat_at TEXT DEFAULT (strftime('%Y-%m-%d %H:%M:%f', 'now') || '000') NOT NULL, 
	stopped_at TEXT, 
	models_done INTEGER DEFAULT 0 NOT NULL, 
	model_steps_per_second REAL, 
	CONSTRAINT pk_workers PRIMARY KEY (worker_id), 
	CONSTRAINT ck_workers_started_at_form CHECK (length(started_at) = 26), 
	CONSTRAINT ck_workers_beat_at_form CHECK (length(beat_at) = 26), 
	CONSTRAINT ck_workers_stopped_at_form CHECK (length(stopped_at) = 26), 
	CONSTRAINT ck_workers_models_done_range CHECK (models_done BETWEEN 0 AND 9007199254740991), 
	CONSTRAINT ck_workers_model_steps_per_second_finite CHECK (model_steps_per_second > -9e999 AND model_steps_per_second < 9e999)
)
 STRICT

;
INSERT INTO "workers" VALUES('worker','host','boot',1,'cpu',NULL,'cpu-test','{}','2026-11-27 21:49:25.265000','2026-11-27 21:49:25.265000',NULL,0,NULL);
CREATE INDEX ix_models_configuration_sha256 ON models (configuration_sha256);
CREATE INDEX ix_sweep_models_model_id ON sweep_models (model_id);
CREATE INDEX ix_jobs_queued ON jobs (priority DESC, model_id) WHERE state = 'queued' AND NOT held;
CREATE INDEX ix_jobs_queued_pack ON jobs (pack_key, priority DESC, model_id) WHERE state = 'queued' AND NOT held;
CREATE INDEX ix_jobs_running ON jobs (worker_id) WHERE state = 'running';
CREATE INDEX ix_artifacts_model_id ON artifacts (model_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('sweeps',1);
INSERT INTO "sqlite_sequence" VALUES('models',5);
INSERT INTO "sqlite_sequence" VALUES('artifacts',1);
COMMIT;
