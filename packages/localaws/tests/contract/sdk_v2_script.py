"""What a user of the SageMaker SDK 2 writes in a notebook. Nothing in it is for the local AWS.

It prints what it saw as JSON in its last line. Waiting takes no longer than the work: the SDK's pauses are cut.
"""

import json
import time

import numpy as np

pause = time.sleep
time.sleep = lambda seconds: pause(min(float(seconds), 0.2))

import sagemaker  # noqa: E402
from sagemaker import image_uris  # noqa: E402
from sagemaker.analytics import HyperparameterTuningJobAnalytics, TrainingJobAnalytics  # noqa: E402
from sagemaker.deserializers import CSVDeserializer  # noqa: E402
from sagemaker.estimator import Estimator  # noqa: E402
from sagemaker.inputs import TrainingInput  # noqa: E402
from sagemaker.serializers import CSVSerializer  # noqa: E402
from sagemaker.tuner import ContinuousParameter, HyperparameterTuner  # noqa: E402

session = sagemaker.Session()
bucket = session.default_bucket()
role = sagemaker.get_execution_role()

features = np.random.default_rng(1).normal(size=(60, 2))
labels = (features[:, 0] > 0).astype(int)
np.savetxt("train.csv", np.column_stack([labels, features]), delimiter=",", fmt=["%d", "%.6f", "%.6f"])
channel = TrainingInput(session.upload_data("train.csv", key_prefix="sdk-v2/train"), content_type="csv")

estimator = Estimator(
    image_uris.retrieve("xgboost", session.boto_region_name, version="1.7-1"),
    role,
    instance_count=1,
    instance_type="ml.m5.xlarge",
    output_path=f"s3://{bucket}/sdk-v2/output",
    hyperparameters={"objective": "binary:logistic", "num_round": 2, "eval_metric": "logloss"},
    sagemaker_session=session,
)
estimator.fit({"train": channel, "validation": channel}, logs=False)
attached = Estimator.attach(estimator.latest_training_job.name, sagemaker_session=session)
curve = TrainingJobAnalytics(attached.latest_training_job.name, ["train:logloss"], session).dataframe()

predictor = attached.deploy(1, "ml.m5.large", serializer=CSVSerializer(), deserializer=CSVDeserializer())
scores = predictor.predict(features[:3])
predictor.delete_model()
predictor.delete_endpoint()

tuner = HyperparameterTuner(estimator, "validation:logloss", {"eta": ContinuousParameter(0.1, 0.9)}, objective_type="Minimize", max_jobs=1)
tuner.fit({"train": channel, "validation": channel})
again = HyperparameterTuner.attach(tuner.latest_tuning_job.name, sagemaker_session=session)
tried = HyperparameterTuningJobAnalytics(again.latest_tuning_job.name, session).dataframe()

print(
    json.dumps(
        {
            "bucket": bucket,
            "role": role,
            "hyperparameters": attached.hyperparameters(),
            "curve": sorted(set(curve["metric_name"])),
            "scores": len(scores),
            "best": again.best_training_job() == tried["TrainingJobName"][0],
            "eta": float(again.best_estimator().hyperparameters()["eta"]) == float(tried["eta"][0]),
        }
    )
)
