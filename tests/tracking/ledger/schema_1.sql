BEGIN TRANSACTION;
CREATE TABLE comparisons (
	study TEXT NOT NULL, 
	phase TEXT NOT NULL, 
	metric TEXT NOT NULL, 
	cell TEXT NOT NULL, 
	position INTEGER DEFAULT '0' NOT NULL, 
	factor TEXT NOT NULL, 
	level TEXT NOT NULL, 
	is_reference BOOLEAN NOT NULL, 
	n INTEGER NOT NULL, 
	mean FLOAT, 
	sd FLOAT, 
	difference FLOAT, 
	ci_low FLOAT, 
	ci_high FLOAT, 
	p_value FLOAT, 
	p_corrected FLOAT, 
	seconds FLOAT, 
	computed_at BIGINT NOT NULL, 
	PRIMARY KEY (study, phase, metric, cell), 
	FOREIGN KEY(study) REFERENCES studies (name)
)
 WITHOUT ROWID

;
INSERT INTO "comparisons" VALUES('s','ablate','weighted_f1','reference',0,'reference','',1,5,0.123456789,NULL,NULL,NULL,NULL,NULL,NULL,NULL,1795563274321);
CREATE TABLE diagnostics (
	trial TEXT NOT NULL, 
	name TEXT NOT NULL, 
	value FLOAT, 
	warning TEXT, 
	PRIMARY KEY (trial, name), 
	FOREIGN KEY(trial) REFERENCES trials (id)
)
 WITHOUT ROWID

;
INSERT INTO "diagnostics" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','gain',0.0,'no gain');
INSERT INTO "diagnostics" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','logit_scale',3.0,NULL);
INSERT INTO "diagnostics" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','gain',0.0,'no gain');
INSERT INTO "diagnostics" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','logit_scale',3.0,NULL);
CREATE TABLE epoch_metrics (
	trial TEXT NOT NULL, 
	epoch INTEGER NOT NULL, 
	metric TEXT NOT NULL, 
	value FLOAT, 
	logged_at BIGINT NOT NULL, 
	PRIMARY KEY (trial, epoch, metric), 
	FOREIGN KEY(trial) REFERENCES trials (id)
)
 WITHOUT ROWID

;
INSERT INTO "epoch_metrics" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1',1,'train_loss',0.5,1795563274313);
CREATE TABLE evaluations (
	trial TEXT NOT NULL, 
	split TEXT NOT NULL, 
	metric TEXT NOT NULL, 
	value FLOAT, 
	PRIMARY KEY (trial, split, metric), 
	FOREIGN KEY(trial) REFERENCES trials (id)
)
 WITHOUT ROWID

;
INSERT INTO "evaluations" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','test','accuracy',0.6);
INSERT INTO "evaluations" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','test','f1:joy',0.25);
INSERT INTO "evaluations" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','test','macro_f1',0.4);
INSERT INTO "evaluations" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','test','weighted_f1',0.5);
INSERT INTO "evaluations" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','validation','accuracy',0.6);
INSERT INTO "evaluations" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','validation','f1:joy',0.25);
INSERT INTO "evaluations" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','validation','macro_f1',0.4);
INSERT INTO "evaluations" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','validation','weighted_f1',0.5);
INSERT INTO "evaluations" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','test','accuracy',0.6);
INSERT INTO "evaluations" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','test','f1:joy',0.25);
INSERT INTO "evaluations" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','test','macro_f1',0.4);
INSERT INTO "evaluations" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','test','weighted_f1',0.5);
INSERT INTO "evaluations" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','validation','accuracy',0.6);
INSERT INTO "evaluations" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','validation','f1:joy',0.25);
INSERT INTO "evaluations" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','validation','macro_f1',0.4);
INSERT INTO "evaluations" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','validation','weighted_f1',0.5);
CREATE TABLE meta (
	"key" TEXT NOT NULL, 
	value TEXT NOT NULL, 
	PRIMARY KEY ("key")
);
INSERT INTO "meta" VALUES('schema_version','1');
INSERT INTO "meta" VALUES('views','99c4200458a86c4d677998b593c251ae3a0328182fc99f612e9421261684707e');
CREATE TABLE mirror_runs (
	trial TEXT NOT NULL, 
	run_id TEXT, 
	mirrored_revision INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (trial), 
	FOREIGN KEY(trial) REFERENCES trials (id)
);
INSERT INTO "mirror_runs" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','run',4);
CREATE TABLE mirror_studies (
	study TEXT NOT NULL, 
	experiment_id TEXT, 
	run_id TEXT, 
	mirrored_revision INTEGER DEFAULT '0' NOT NULL, 
	PRIMARY KEY (study), 
	FOREIGN KEY(study) REFERENCES studies (name)
);
CREATE TABLE predictions (
	trial TEXT NOT NULL, 
	split TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	predicted INTEGER NOT NULL, 
	PRIMARY KEY (trial, split, position), 
	FOREIGN KEY(trial) REFERENCES trials (id)
)
 WITHOUT ROWID

;
INSERT INTO "predictions" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','test',0,0);
INSERT INTO "predictions" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','test',1,1);
INSERT INTO "predictions" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','validation',0,0);
INSERT INTO "predictions" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','validation',1,1);
INSERT INTO "predictions" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','test',0,0);
INSERT INTO "predictions" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','test',1,1);
INSERT INTO "predictions" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','validation',0,0);
INSERT INTO "predictions" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','validation',1,1);
CREATE TABLE studies (
	name TEXT NOT NULL, 
	spec TEXT NOT NULL, 
	dataset TEXT NOT NULL, 
	data_fingerprint TEXT NOT NULL, 
	label_names TEXT NOT NULL, 
	code_fingerprint TEXT NOT NULL, 
	environment TEXT NOT NULL, 
	status TEXT NOT NULL, 
	created_at BIGINT NOT NULL, 
	updated_at BIGINT NOT NULL, 
	revision INTEGER DEFAULT '1' NOT NULL, 
	reference TEXT, 
	PRIMARY KEY (name)
);
INSERT INTO "studies" VALUES('s','{"factors": {"b": 1, "a": 2}}','synthetic','dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','["sad", "joy"]','cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc','{"python": "3.11"}','RUNNING',1795563270807,1795563274321,2,NULL);
CREATE TABLE trials (
	id TEXT NOT NULL, 
	study TEXT NOT NULL, 
	phase TEXT NOT NULL, 
	cell TEXT NOT NULL, 
	identity TEXT NOT NULL, 
	number INTEGER, 
	ordinal INTEGER DEFAULT '0' NOT NULL, 
	data_fingerprint TEXT NOT NULL, 
	status TEXT NOT NULL, 
	failure TEXT, 
	message TEXT, 
	original TEXT, 
	current BOOLEAN DEFAULT 1 NOT NULL, 
	dataset TEXT, 
	dataset_options TEXT, 
	modalities TEXT, 
	balance TEXT, 
	backbone TEXT, 
	hidden_size INTEGER, 
	dropout FLOAT, 
	input_dropout FLOAT, 
	backbone_options TEXT, 
	objective TEXT, 
	similarity TEXT, 
	logit_scale TEXT, 
	scale FLOAT, 
	focus_positive FLOAT, 
	focus_negative FLOAT, 
	class_weight_exponent FLOAT, 
	label_label_weight FLOAT, 
	cross_entropy_weight FLOAT, 
	label_embedding_depth INTEGER, 
	label_embedding_width INTEGER, 
	label_embedding_dropout FLOAT, 
	augmentation TEXT, 
	learning_rate FLOAT, 
	weight_decay FLOAT, 
	schedule TEXT, 
	batch_size INTEGER, 
	epochs INTEGER, 
	patience INTEGER, 
	gradient_clip FLOAT, 
	seed INTEGER, 
	precision TEXT, 
	config TEXT NOT NULL, 
	best_epoch INTEGER, 
	epochs_run INTEGER, 
	score FLOAT, 
	seconds FLOAT, 
	parameters BIGINT, 
	peak_memory_mb FLOAT, 
	utterances_per_second FLOAT, 
	worker TEXT, 
	attempts INTEGER DEFAULT '0' NOT NULL, 
	planned_at BIGINT NOT NULL, 
	started_at BIGINT, 
	ended_at BIGINT, 
	revision INTEGER DEFAULT '1' NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(study) REFERENCES studies (name), 
	FOREIGN KEY(original) REFERENCES trials (id)
);
INSERT INTO "trials" VALUES('41de457edeef334e46f4b03f08a8bda68341c7f152b17f89e95e6e00bb4cd3db','s','ablate','reference','83f0125c01648bb5e9ad9344c9c2a6597250ef2685b508a22463fc4c9f284f44',NULL,0,'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','COMPLETE',NULL,NULL,NULL,1,'synthetic','{}',NULL,'natural','recurrent',64,0.3,0.0,'{}','sslcl','soft_hgr','matched',1.0,2.0,0.5,0.5,0.1,0.0,2,128,0.1,'text_plus_one',0.001,0.0001,'constant',16,20,8,1.0,0,'float32','{"dataset": "synthetic", "dataset_options": {}, "modalities": null, "balance": "natural", "backbone": "recurrent", "hidden_size": 64, "dropout": 0.3, "input_dropout": 0.0, "backbone_options": {}, "objective": "sslcl", "similarity": "soft_hgr", "logit_scale": "matched", "scale": 1.0, "focus_positive": 2.0, "focus_negative": 0.5, "class_weight_exponent": 0.5, "label_label_weight": 0.1, "cross_entropy_weight": 0.0, "label_embedding_depth": 2, "label_embedding_width": 128, "label_embedding_dropout": 0.1, "augmentation": "text_plus_one", "learning_rate": 0.001, "weight_decay": 0.0001, "schedule": "constant", "batch_size": 16, "epochs": 20, "patience": 8, "gradient_clip": 1.0, "seed": 0, "precision": "float32"}',2,3,0.75,1.5,1234,64.25,900.0,'node1:4711 cpu',1,1795563274286,1795563274288,1795563274289,3);
INSERT INTO "trials" VALUES('226a05fd17b400aca93d97e711938eb7baf5be68f581f24cd13374f77779a1b1','s','ablate','backbone=transformer','3070097e6577306dde8c3390d417ba27c68b70c88cf980a3746e2483c4a3b6a9',NULL,1,'dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','COMPLETE',NULL,NULL,NULL,1,'synthetic','{}',NULL,'natural','transformer',64,0.3,0.0,'{}','sslcl','soft_hgr','matched',1.0,2.0,0.5,0.5,0.1,0.0,2,128,0.1,'text_plus_one',0.001,0.0001,'constant',16,20,8,1.0,0,'float32','{"dataset": "synthetic", "dataset_options": {}, "modalities": null, "balance": "natural", "backbone": "transformer", "hidden_size": 64, "dropout": 0.3, "input_dropout": 0.0, "backbone_options": {}, "objective": "sslcl", "similarity": "soft_hgr", "logit_scale": "matched", "scale": 1.0, "focus_positive": 2.0, "focus_negative": 0.5, "class_weight_exponent": 0.5, "label_label_weight": 0.1, "cross_entropy_weight": 0.0, "label_embedding_depth": 2, "label_embedding_width": 128, "label_embedding_dropout": 0.1, "augmentation": "text_plus_one", "learning_rate": 0.001, "weight_decay": 0.0001, "schedule": "constant", "batch_size": 16, "epochs": 20, "patience": 8, "gradient_clip": 1.0, "seed": 0, "precision": "float32"}',2,3,0.5,1.5,1234,64.25,900.0,'node1:4712 cuda',1,1795563274311,1795563274312,1795563274318,4);
CREATE TABLE utterances (
	data_fingerprint TEXT NOT NULL, 
	split TEXT NOT NULL, 
	position INTEGER NOT NULL, 
	conversation TEXT NOT NULL, 
	utterance TEXT NOT NULL, 
	label INTEGER NOT NULL, 
	PRIMARY KEY (data_fingerprint, split, position)
)
 WITHOUT ROWID

;
INSERT INTO "utterances" VALUES('dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','test',0,'test0','u0',0);
INSERT INTO "utterances" VALUES('dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','test',1,'test0','u1',1);
INSERT INTO "utterances" VALUES('dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','validation',0,'validation0','u0',0);
INSERT INTO "utterances" VALUES('dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd','validation',1,'validation0','u1',1);
CREATE INDEX trials_by_status ON trials (study, phase, status);
CREATE INDEX trials_by_identity ON trials (identity);
CREATE VIEW trials_wide AS SELECT t.study, t.id AS trial, t.phase, t.cell, t.status, t.failure, t.dataset, t.dataset_options, t.modalities, t.balance, t.backbone, t.hidden_size, t.dropout, t.input_dropout, t.backbone_options, t.objective, t.similarity, t.logit_scale, t.scale, t.focus_positive, t.focus_negative, t.class_weight_exponent, t.label_label_weight, t.cross_entropy_weight, t.label_embedding_depth, t.label_embedding_width, t.label_embedding_dropout, t.augmentation, t.learning_rate, t.weight_decay, t.schedule, t.batch_size, t.epochs, t.patience, t.gradient_clip, t.seed, t.precision, t.best_epoch, t.epochs_run, t.score AS validation_weighted_f1, weighted_f1.value AS test_weighted_f1, macro_f1.value AS test_macro_f1, accuracy.value AS test_accuracy, t.seconds, t.parameters, t.peak_memory_mb, t.original AS cached_from FROM trials t LEFT JOIN evaluations weighted_f1 ON weighted_f1.trial = coalesce(t.original, t.id) AND weighted_f1.split = 'test' AND weighted_f1.metric = 'weighted_f1' LEFT JOIN evaluations macro_f1 ON macro_f1.trial = coalesce(t.original, t.id) AND macro_f1.split = 'test' AND macro_f1.metric = 'macro_f1' LEFT JOIN evaluations accuracy ON accuracy.trial = coalesce(t.original, t.id) AND accuracy.split = 'test' AND accuracy.metric = 'accuracy' WHERE t.current;
CREATE VIEW ablation AS SELECT study, phase, metric, factor, level, n, CAST(round(CAST(mean AS NUMERIC), 4) AS FLOAT) AS mean, CAST(round(CAST(sd AS NUMERIC), 4) AS FLOAT) AS sd, CAST(round(CAST(difference AS NUMERIC), 4) AS FLOAT) AS difference, CAST(round(CAST(ci_low AS NUMERIC), 4) AS FLOAT) AS ci_low, CAST(round(CAST(ci_high AS NUMERIC), 4) AS FLOAT) AS ci_high, CAST(round(CAST(p_value AS NUMERIC), 4) AS FLOAT) AS p_value, CAST(round(CAST(p_corrected AS NUMERIC), 4) AS FLOAT) AS p_corrected, CAST(round(CAST(seconds AS NUMERIC), 4) AS FLOAT) AS seconds, CASE WHEN is_reference THEN 1 ELSE 0 END AS reference FROM comparisons ORDER BY study, phase, CASE metric WHEN 'weighted_f1' THEN 0 WHEN 'macro_f1' THEN 1 WHEN 'accuracy' THEN 2 ELSE 9 END, metric, CASE WHEN is_reference THEN 0 ELSE 1 END, position;
COMMIT;
