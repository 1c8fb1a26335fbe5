# SPDX-License-Identifier: Apache-2.0
# Made by generate_api.py from include/sbi/*.h; do not edit.
"""The C interface of libsbi: constants, structs, callback types and the signature of every function."""

from ctypes import CFUNCTYPE, POINTER, Structure, c_char, c_char_p, c_double, c_int32, c_int64, c_size_t, c_uint8, c_uint32
from ctypes import c_uint64, c_void_p

from ._library import lib

F16 = 1
F32 = 2
F64 = 3
I8 = 4
I16 = 5
I32 = 6
I64 = 7
U8 = 8
U16 = 9
U32 = 10
U64 = 11
ARRAY_MAX_DIMS = 8
CALIBRATION_ISOTONIC = 1
CALIBRATION_HISTOGRAM = 2
EVENT_SUBMITTED = 1
EVENT_RETRIED = 2
EVENT_STARTED = 3
EVENT_PROGRESS = 4
EVENT_ENDED = 5
EVENT_FAILED = 6
EVENT_FINISHED = 7
EVENT_GIVEN_UP = 8
LOG_ERROR = 1
LOG_WARNING = 2
LOG_INFO = 3
LOG_DEBUG = 4
DENOMINATOR = 0
NUMERATOR = 1
CLASSES_MAX = 64
WEIGHTS_REFUSE_NEGATIVE = 0
WEIGHTS_ALLOW_NEGATIVE = 1
TRANSFORM_NONE = 0
TRANSFORM_LOG = 1
TRANSFORM_SIGNED_LOG = 2
TRANSFORM_YEO_JOHNSON = 3
TRANSFORM_ONE_HOT = 4
TRANSFORM_ONE_HOT_OR_ZERO = 5
EXECUTOR_ABI = 1
TASK_KEY_MAX = 64
TASK_PENDING = 1
TASK_RUNNING = 2
TASK_DONE = 10
TASK_FAILED = 11
TASK_LOST = 12
TASK_TRANSIENT = 13
TASK_PREEMPTED = 14
TASK_OUT_OF_MEMORY = 15
TASK_REJECTED = 16
TASK_CANCELLED = 17
FIT_NEWTON = 0
FIT_QUASI_NEWTON = 1
FIT_TRUNCATED_NEWTON = 2
FIT_FULL_NEWTON = 3
FIT_TRUNCATED_ABOVE = 1000
FIT_NO_HESSIAN = 1
FIT_NO_POLISH = 2
FIT_MIXED = 4
FIT_SIDE_FOUND = 1
FIT_SIDE_LIMIT = 2
FIT_SIDE_NEW_MINIMUM = 3
FIT_SIDE_NO_CROSSING = 4
STATISTIC_T = 1
STATISTIC_TTILDE = 2
STATISTIC_Q0 = 3
STATISTIC_Q = 4
STATISTIC_QTILDE = 5
END_CROSSING = 1
END_LIMIT = 2
END_OF_RANGE = 3
CONTOUR_SCAN = 1
EXIT_DONE = 0
EXIT_SPEC = 64
EXIT_INPUT = 65
EXIT_STORAGE = 69
EXIT_INTERNAL = 70
EXIT_PREEMPTED = 75
EXIT_CONFIGURATION = 78
EXIT_OUT_OF_MEMORY = 137
LIMIT_CLS = 0
LIMIT_CLSB = 1
CONSTRAINT_NONE = 0
CONSTRAINT_GAUSSIAN = 1
CONSTRAINT_POISSON = 2
CONSTRAINT_LOGNORMAL = 3
COLUMN_MEMORY_DEFAULT = 18446744073709551615
PACK_STORAGE_DEFAULT = -1
CHANNEL_ALLOW_NEGATIVE_WEIGHTS = 1
CHANNEL_ALLOW_NEGATIVE_INTEGRATION_WEIGHTS = 2
CHANNEL_REFERENCE = 4
ACTIVATION_SILU = 1
ACTIVATION_RELU = 2
ACTIVATION_LEAKY_RELU = 3
ACTIVATION_TANH = 4
ACTIVATION_GELU = 5
ACTIVATION_SOFTPLUS = 6
COMBINE_MEAN_RATIO = 0
COMBINE_MEAN_LOG = 1
COMBINE_MEDIAN = 2
ONNX_LOG_RATIO = 0
ONNX_RATIO = 1
RATIO_VALUE = 0
RATIO_LOG = 1
TABLE_CALIBRATION = 1
TABLE_ROC = 2
TABLE_CLOSURE = 3
TABLE_CLOSURE_SUMMARY = 4
TABLE_TAILS = 5
TABLE_SHARES = 6
TABLE_SCORES = 7
TABLE_SPREAD = 8
VERDICT_UNKNOWN = -1
VERDICT_PASS = 0
VERDICT_WARN = 1
VERDICT_FAIL = 2
SEARCH_GRID = 1
SEARCH_RANDOM = 2
SEARCH_FULL = 1
SEARCH_HALVING = 2
SEARCH_HYPERBAND = 3
RANGE_VALUES = 1
RANGE_LINEAR = 2
RANGE_LOG = 3
RANGE_INTEGER = 4
RANGE_LOG_INTEGER = 5
TRIAL_PLANNED = 0
TRIAL_DONE = 1
TRIAL_STOPPED = 2
TRIAL_DIVERGED = 3
TRIAL_FAILED = 4
TRIAL_INVALID = 5
SHARD_VALUE = 0
SHARD_GRADIENT = 1
SHARD_HESSIAN = 2
STORE_ABI = 1
STORE_NAME_MAX = 512
STORE_CREATE = 1
IMPACT_POSTFIT_HESSIAN = 1
IMPACT_PREFIT_HESSIAN = 2
IMPACT_POSTFIT = 3
IMPACT_PREFIT = 4
IMPACT_AUXILIARY_HESSIAN = 5
IMPACT_AUXILIARY = 6
IMPACT_OUTSIDE_BOUNDS = 100
IMPACT_NO_WIDTH = 101
IMPACT_NO_DATUM = 102
IMPACT_INFINITE = 103
MEMBERS_INDEPENDENT = 0
MEMBERS_BOOTSTRAP = 1
MEMBERS_MEAN_RATIO = 0
MEMBERS_MEAN_LOG = 1
VAR_INVALID = -1
INTERP_CODE0 = 0
INTERP_CODE1 = 1
INTERP_CODE2 = 2
INTERP_CODE4 = 4
INTERP_CODE4P = 40
MORPH_RATIO = 0
MORPH_LOG = 1
TAPE_BLOCK = 2048
PRECISION_DOUBLE = 0
PRECISION_MIXED = 1
TOY_AUXILIARY_THROWN = 0
TOY_AUXILIARY_KEPT = 1
TOY_AUXILIARY_REQUIRED = 2
TOYS_PARAMETERS = 1
TOYS_T = 2
TOYS_TTILDE = 4
TOYS_Q0 = 8
TOYS_Q = 16
TOYS_QTILDE = 32
TOYS_INTERVAL = 64
TOYS_LIMIT = 128
TOYS_SATURATED = 256
OPTIMISER_NADAM = 1
OPTIMISER_ADAM = 2
OPTIMISER_ADAMW = 3
OPTIMISER_SGD = 4
SCHEDULE_CONSTANT = 1
SCHEDULE_STEP = 2
SCHEDULE_COSINE = 3
SCHEDULE_GEOMETRIC = 4
SCHEDULE_EXPONENTIAL = 6
SCHEDULE_PLATEAU = 5
STANDARDISE_NONE = 0
STANDARDISE_MEAN_STD = 1
STANDARDISE_MIN_MAX = 2
STANDARDISE_YEO_JOHNSON = 3
LOSS_BCE = 1
LOSS_MULTICLASS = 2
LOSS_REGRESSION = 3
LOSS_ROLR = 4
LOSS_ALICE = 5
LOSS_RASCAL = 6
LOSS_ALICES = 7
LOSS_CASCAL = 8
AVERAGING_NONE = 0
AVERAGING_EMA = 1
AVERAGING_SWA = 2
PRECISION_F32 = 0
PRECISION_BF16 = 1
VARIATION_HI = 0
VARIATION_LO = 1
ABI_VERSION = 0
FIT_CONVERGED = 1
FIT_AT_LIMIT = 2
FIT_ALL_FIXED = 3
FIT_MAX_EVALUATIONS = 10
FIT_INDEFINITE_HESSIAN = 11
FIT_NO_PROGRESS = 12
FIT_UNBOUNDED = 13
OK = 0
ERR_ARGUMENT = -1
ERR_NO_MEMORY = -2
ERR_IO = -3
ERR_NOT_FOUND = -4
ERR_FORMAT = -5
ERR_SHAPE = -6
ERR_VALUE = -7
ERR_DOMAIN = -8
ERR_VERSION = -9
ERR_STATE = -10
ERR_CANCELLED = -11
ERR_UNSUPPORTED = -12
ERR_CHECKSUM = -13
ERR_EXISTS = -14
ERR_NO_SPACE = -15
ERR_PERMISSION = -16
ERR_SINGULAR = -17
ERR_DIVERGED = -18
ERR_TASK_FAILED = -19
ERR_TASK_LOST = -20
ERR_TRANSIENT = -21
ERR_PREEMPTED = -22
ERR_CALLBACK = -23
ERR_ABI = -24
ERR_INTERNAL = -25
STATUS_NAMES = {0: "SBI_OK", -1: "SBI_ERR_ARGUMENT", -2: "SBI_ERR_NO_MEMORY", -3: "SBI_ERR_IO", -4: "SBI_ERR_NOT_FOUND", -5: "SBI_ERR_FORMAT", -6: "SBI_ERR_SHAPE", -7: "SBI_ERR_VALUE", -8: "SBI_ERR_DOMAIN", -9: "SBI_ERR_VERSION", -10: "SBI_ERR_STATE", -11: "SBI_ERR_CANCELLED", -12: "SBI_ERR_UNSUPPORTED", -13: "SBI_ERR_CHECKSUM", -14: "SBI_ERR_EXISTS", -15: "SBI_ERR_NO_SPACE", -16: "SBI_ERR_PERMISSION", -17: "SBI_ERR_SINGULAR", -18: "SBI_ERR_DIVERGED", -19: "SBI_ERR_TASK_FAILED", -20: "SBI_ERR_TASK_LOST", -21: "SBI_ERR_TRANSIENT", -22: "SBI_ERR_PREEMPTED", -23: "SBI_ERR_CALLBACK", -24: "SBI_ERR_ABI", -25: "SBI_ERR_INTERNAL"}

LogFn = CFUNCTYPE(None, c_void_p, c_int32, c_char_p)
ProgressFn = CFUNCTYPE(None, c_void_p, c_char_p, c_double, c_double, c_char_p)
CancelFn = CFUNCTYPE(c_int32, c_void_p)
ParallelForFn = CFUNCTYPE(None, c_void_p, c_size_t, c_void_p, c_void_p)
AllocateFn = CFUNCTYPE(c_void_p, c_void_p, c_size_t, c_size_t)
ReleaseFn = CFUNCTYPE(None, c_void_p, c_void_p, c_size_t)
TapeFunctionFn = CFUNCTYPE(c_int32, POINTER(c_double), c_size_t, POINTER(c_double), POINTER(c_double), POINTER(c_double), c_void_p)
TapeMapFn = CFUNCTYPE(c_int32, POINTER(c_double), c_size_t, POINTER(c_double), POINTER(c_double), POINTER(c_double), c_void_p)
TapeReleaseFn = CFUNCTYPE(None, c_void_p)


class Array(Structure):
    _fields_ = [
        ("data", c_void_p),
        ("dtype", c_int32),
        ("ndim", c_int32),
        ("shape", c_int64 * 8),
        ("strides", c_int64 * 8),
    ]


class CalibrationOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("method", c_int32),
        ("bins", c_int32),
        ("held_out", c_int32),
        ("allow_training", c_int32),
        ("normalise", c_int32),
        ("seed", c_uint64),
        ("validation_fraction", c_double),
        ("device", c_char_p),
    ]


class CalibrationInfo(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("method", c_int32),
        ("members", c_int32),
        ("on_training", c_int32),
        ("numerator_events", c_int64),
        ("denominator_events", c_int64),
        ("normalisation", c_double),
    ]


class CampaignEvent(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("state", c_int32),
        ("time", c_int64),
        ("task", c_uint64),
        ("attempt", c_int32),
        ("kind", c_int32),
        ("seconds", c_double),
        ("peak_memory", c_uint64),
        ("cpu_seconds", c_double),
        ("progress", c_double),
        ("cpus", c_double),
        ("gpus", c_double),
        ("memory", c_uint64),
        ("key", c_char_p),
        ("stage", c_char_p),
        ("host", c_char_p),
        ("message", c_char_p),
    ]


class CampaignOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("read_only", c_int32),
        ("max_attempts", c_int32),
        ("max_preemptions", c_int32),
        ("max_failures", c_int32),
        ("keep_given_up", c_int32),
        ("backoff_seconds", c_double),
        ("backoff_max_seconds", c_double),
        ("silence_seconds", c_double),
        ("outage_seconds", c_double),
        ("batch", c_uint64),
        ("live", c_uint64),
        ("memory_cap", c_uint64),
        ("done", CFUNCTYPE(c_int32, c_void_p, c_char_p)),
        ("done_user", c_void_p),
        ("event", CFUNCTYPE(c_int32, c_void_p, POINTER(CampaignEvent))),
        ("event_user", c_void_p),
        ("event_file", c_char_p),
        ("deadline_seconds", c_double),
        ("task_seconds", c_double),
        ("core_hour", c_double),
        ("gpu_hour", c_double),
        ("gib_hour", c_double),
        ("currency", c_char_p),
    ]


class CampaignReport(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("state", c_int32),
        ("attempts", c_int32),
        ("preemptions", c_int32),
        ("given_up", c_int32),
        ("status", c_int32),
        ("progress", c_double),
        ("seconds", c_double),
        ("peak_memory", c_uint64),
        ("result_size", c_uint64),
        ("added", c_int64),
        ("began", c_int64),
        ("ended", c_int64),
        ("key", c_char * 72),
        ("sha256", c_char * 72),
        ("host", c_char * 64),
        ("message", c_char * 256),
        ("cpus", c_double),
        ("gpus", c_double),
        ("memory", c_uint64),
        ("cpu_seconds", c_double),
        ("stage", c_char * 64),
    ]


class CampaignUsage(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("tasks", c_uint64),
        ("waiting", c_uint64),
        ("running", c_uint64),
        ("done", c_uint64),
        ("given_up", c_uint64),
        ("attempts", c_uint64),
        ("preemptions", c_uint64),
        ("result_bytes", c_uint64),
        ("peak_memory", c_uint64),
        ("seconds", c_double),
        ("cpu_seconds", c_double),
        ("core_seconds", c_double),
        ("gpu_seconds", c_double),
        ("gib_seconds", c_double),
        ("core_cost", c_double),
        ("gpu_cost", c_double),
        ("gib_cost", c_double),
        ("cost", c_double),
        ("began", c_int64),
        ("ended", c_int64),
        ("stage", c_char * 64),
        ("currency", c_char * 16),
    ]


class Column(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("ensemble", c_void_p),
        ("calibration", c_void_p),
        ("correction", c_double),
        ("theta", POINTER(c_double)),
        ("n_theta", c_uint64),
        ("numerator", c_int32),
        ("denominator", c_int32),
        ("path", c_char_p),
        ("spread", c_char_p),
    ]


class ColumnsOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("output", c_int32),
        ("dtype", c_int32),
        ("reserved_", c_int32),
        ("events_a_task", c_int64),
        ("campaign", c_char_p),
        ("device", c_char_p),
    ]


class ContextOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("threads", c_int32),
        ("log_level", c_int32),
        ("reserved_", c_int32),
        ("log", LogFn),
        ("log_user", c_void_p),
        ("progress", ProgressFn),
        ("progress_user", c_void_p),
        ("cancel", CancelFn),
        ("cancel_user", c_void_p),
        ("parallel_for", ParallelForFn),
        ("parallel_for_user", c_void_p),
        ("allocate", AllocateFn),
        ("release", ReleaseFn),
        ("allocator_user", c_void_p),
    ]


class EventFiles(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("features", c_char_p),
        ("weights", c_char_p),
        ("theta", c_char_p),
        ("joint_ratio", c_char_p),
        ("score", c_char_p),
        ("target", c_char_p),
    ]


class EventArrays(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("features", POINTER(Array)),
        ("weights", POINTER(Array)),
        ("theta", POINTER(Array)),
        ("joint_ratio", POINTER(Array)),
        ("score", POINTER(Array)),
        ("target", POINTER(Array)),
    ]


class Task(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("attempt", c_int32),
        ("key", c_char_p),
        ("spec", c_void_p),
        ("spec_size", c_size_t),
        ("attachment", c_void_p),
        ("cpus", c_double),
        ("memory", c_uint64),
        ("gpus", c_double),
        ("stage", c_char_p),
    ]


class TaskReport(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("state", c_int32),
        ("attempt", c_int32),
        ("status", c_int32),
        ("progress", c_double),
        ("seconds", c_double),
        ("peak_memory", c_uint64),
        ("cpu_seconds", c_double),
        ("reserved_", c_uint64),
        ("key", c_char * 72),
        ("host", c_char * 64),
        ("message", c_char * 256),
    ]


class Sink(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("write", CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t)),
        ("user", c_void_p),
    ]


class ExecutorCaps(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("in_process", c_int32),
        ("survives", c_int32),
        ("has_log", c_int32),
        ("has_cancel", c_int32),
        ("stages", c_int32),
        ("batch", c_uint64),
        ("live", c_uint64),
        ("name", c_char * 32),
    ]


class ExecutorOps(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("abi", c_uint32),
        ("submit", CFUNCTYPE(c_int32, c_void_p, POINTER(Task), c_size_t)),
        ("poll", CFUNCTYPE(c_int32, c_void_p, POINTER(TaskReport), c_size_t, POINTER(c_size_t), c_int32)),
        ("fetch", CFUNCTYPE(c_int32, c_void_p, c_char_p, POINTER(Sink))),
        ("log", CFUNCTYPE(c_int32, c_void_p, c_char_p, POINTER(Sink))),
        ("cancel", CFUNCTYPE(c_int32, c_void_p, POINTER(c_char_p), c_size_t)),
        ("capabilities", CFUNCTYPE(c_int32, c_void_p, POINTER(ExecutorCaps))),
        ("close", CFUNCTYPE(None, c_void_p)),
        ("release", CFUNCTYPE(c_int32, c_void_p, POINTER(c_char_p), c_size_t)),
    ]


class Objective(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("n_params", c_size_t),
        ("names", POINTER(c_char_p)),
        ("start", POINTER(c_double)),
        ("lower", POINTER(c_double)),
        ("upper", POINTER(c_double)),
        ("fixed", POINTER(c_int32)),
        ("constraint_center", POINTER(c_double)),
        ("constraint_sigma", POINTER(c_double)),
        ("value", CFUNCTYPE(c_int32, c_void_p, POINTER(c_double), POINTER(c_double))),
        ("gradient", CFUNCTYPE(c_int32, c_void_p, POINTER(c_double), POINTER(c_double), POINTER(c_double))),
        ("hessian", CFUNCTYPE(c_int32, c_void_p, POINTER(c_double), POINTER(c_double), POINTER(c_double), POINTER(c_double))),
        ("hvp", CFUNCTYPE(c_int32, c_void_p, POINTER(c_double), POINTER(c_double), c_size_t, POINTER(c_double))),
        ("user", c_void_p),
        ("constraint_kind", POINTER(c_int32)),
    ]


class FitOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("method", c_int32),
        ("flags", c_uint32),
        ("n_starts", c_int32),
        ("tolerance", c_double),
        ("error_level", c_double),
        ("max_evaluations", c_int64),
        ("seed", c_uint64),
        ("n_start", c_size_t),
        ("start_names", POINTER(c_char_p)),
        ("start_values", POINTER(c_double)),
        ("n_fixed", c_size_t),
        ("fixed_names", POINTER(c_char_p)),
        ("fixed_values", POINTER(c_double)),
        ("n_free", c_size_t),
        ("free_names", POINTER(c_char_p)),
        ("n_bounds", c_size_t),
        ("bound_names", POINTER(c_char_p)),
        ("bound_lower", POINTER(c_double)),
        ("bound_upper", POINTER(c_double)),
        ("device", c_char_p),
    ]


class FitInfo(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reason", c_int32),
        ("n_params", c_int32),
        ("n_free", c_int32),
        ("n_at_limit", c_int32),
        ("has_covariance", c_int32),
        ("nll", c_double),
        ("t", c_double),
        ("edm", c_double),
        ("gradient_norm", c_double),
        ("smallest_eigenvalue", c_double),
        ("condition", c_double),
        ("seconds", c_double),
        ("iterations", c_int64),
        ("value_evaluations", c_int64),
        ("gradient_evaluations", c_int64),
        ("hessian_evaluations", c_int64),
        ("infinite_evaluations", c_int64),
        ("hvp_evaluations", c_int64),
        ("method", c_int32),
        ("n_minima", c_int32),
        ("n_starts", c_int32),
        ("n_failed_starts", c_int32),
    ]


class FitMinimum(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reason", c_int32),
        ("is_global", c_int32),
        ("n_starts", c_int32),
        ("nll", c_double),
        ("above", c_double),
    ]


class HessianOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("rows_a_task", c_int32),
        ("events_a_task", c_int64),
        ("campaign", c_char_p),
    ]


class FitInterval(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("side", c_int32 * 2),
        ("reserved_", c_int32),
        ("value", c_double),
        ("error", c_double * 2),
        ("rise", c_double * 2),
        ("new_value", c_double * 2),
        ("new_nll", c_double * 2),
        ("evaluations", c_int64 * 2),
    ]


class ConfidenceSetOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("n_grid", c_int32),
        ("cl", c_double),
        ("delta_t", c_double),
        ("low", c_double),
        ("high", c_double),
    ]


class ConfidenceInterval(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("kind", c_int32 * 2),
        ("reserved_", c_int32),
        ("end", c_double * 2),
        ("t", c_double * 2),
        ("deepest", c_double),
        ("deepest_t", c_double),
    ]


class ConfidenceSetInfo(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("n_intervals", c_int32),
        ("n_failed", c_int32),
        ("deeper", c_int32),
        ("delta_t", c_double),
        ("nll_min", c_double),
        ("low", c_double),
        ("high", c_double),
        ("spacing", c_double),
    ]


class ContourOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("n_grid", c_int32),
        ("flags", c_uint32),
        ("reserved_", c_int32),
        ("cl", c_double),
        ("delta_t", c_double),
        ("low", c_double * 2),
        ("high", c_double * 2),
    ]


class ContourInfo(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("n_curves", c_int32),
        ("n_failed", c_int32),
        ("deeper", c_int32),
        ("delta_t", c_double),
        ("nll_min", c_double),
        ("evaluations", c_int64),
    ]


class WorkerOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("attempt", c_int32),
        ("heartbeat_seconds", c_double),
        ("outage_seconds", c_double),
        ("scratch", c_char_p),
        ("disk", c_uint64),
        ("stream_memory", c_uint64),
        ("column_memory", c_uint64),
    ]


class Discovery(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("q0", c_double),
        ("p0", c_double),
        ("significance", c_double),
    ]


class LimitOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("statistic", c_int32),
        ("criterion", c_int32),
        ("observed_only", c_int32),
        ("confidence", c_double),
        ("tolerance", c_double),
    ]


class Limit(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("observed", c_double),
        ("expected", c_double * 5),
        ("observed_error", c_double),
        ("expected_error", c_double * 5),
    ]


class ToysOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("compute", c_uint32),
        ("seed", c_uint64),
        ("first", c_int64),
        ("count", c_int64),
        ("auxiliary", c_int32),
        ("toys_a_task", c_int32),
        ("collect", c_int32),
        ("reserved_", c_int32),
        ("parameter", c_char_p),
        ("n_tested", c_size_t),
        ("tested", POINTER(c_double)),
        ("n_starts", c_size_t),
        ("starts", POINTER(c_double)),
        ("n_fixed", c_size_t),
        ("fixed_names", POINTER(c_char_p)),
        ("interval_confidence", c_double),
        ("limit_confidence", c_double),
        ("campaign", c_char_p),
    ]


class ToyLimitOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("statistic", c_int32),
        ("criterion", c_int32),
        ("reserved_", c_int32),
        ("confidence", c_double),
        ("background_count", c_int64),
        ("toys", POINTER(ToysOptions)),
    ]


class Goodness(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("dof", c_int32),
        ("statistic", c_double),
        ("p_value", c_double),
    ]


class Parameter(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("constraint", c_int32),
        ("fixed", c_int32),
        ("reserved_", c_int32),
        ("start", c_double),
        ("lower", c_double),
        ("upper", c_double),
        ("auxiliary", c_double),
        ("sigma", c_double),
    ]


class WorkspaceOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("measurement", c_char_p),
        ("poi", c_char_p),
        ("column_memory", c_uint64),
    ]


class PackOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("dtype", c_int32),
        ("storage", c_int32),
        ("reserved_", c_int32),
    ]


class RatioReplacement(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("channel", c_size_t),
        ("sample", c_size_t),
        ("ratio", POINTER(Array)),
        ("integration_ratio", POINTER(Array)),
    ]


class NetworkInfo(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("features", c_int32),
        ("layers", c_int32),
        ("width", c_int32),
        ("activation", c_int32),
        ("member", c_int32),
        ("epochs", c_int32),
        ("best_epoch", c_int32),
        ("parameters", c_int64),
        ("seed", c_uint64),
        ("loss", c_double),
        ("validation_loss", c_double),
        ("seconds", c_double),
        ("outputs", c_int32),
        ("layer_norms", c_int32),
        ("residual_blocks", c_int32),
        ("reserved_", c_int32),
        ("leaky_slope", c_double),
        ("epsilon", c_double),
        ("theta", c_int32),
        ("classes", c_int32),
    ]


class NetworkForm(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("activation", c_int32),
        ("leaky_slope", c_double),
        ("epsilon", c_double),
        ("gain", POINTER(Array)),
        ("offset", POINTER(Array)),
        ("residual", POINTER(c_int32)),
        ("linear", POINTER(c_int32)),
        ("theta", c_int32),
        ("classes", c_int32),
    ]


class NeymanOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("statistic", c_int32),
        ("n_levels", c_size_t),
        ("levels", POINTER(c_double)),
        ("toys", POINTER(ToysOptions)),
    ]


class OnnxOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("output", c_int32),
        ("dtype", c_int32),
        ("reserved_", c_int32),
        ("correction", c_double),
        ("input_name", c_char_p),
        ("output_name", c_char_p),
    ]


class RatioOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("output", c_int32),
        ("dtype", c_int32),
        ("reserved_", c_int32),
        ("correction", c_double),
        ("spread", c_char_p),
        ("members", c_char_p),
        ("device", c_char_p),
        ("theta", POINTER(c_double)),
        ("n_theta", c_uint64),
        ("numerator", c_int32),
        ("denominator", c_int32),
        ("calibration", c_void_p),
    ]


class Normalisation(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("events", c_int64),
        ("mean", c_double),
        ("error", c_double),
        ("ess", c_double),
    ]


class DiagnosticsOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("calibration_bins", c_int32),
        ("closure_bins", c_int32),
        ("roc_points", c_int32),
        ("held_out", c_int32),
        ("reserved_", c_int32),
        ("seed", c_uint64),
        ("validation_fraction", c_double),
        ("correction", c_double),
        ("training_events", c_int64),
        ("member", c_int32),
        ("reserved2_", c_int32),
        ("calibration", c_void_p),
    ]


class DiagnosticsSummary(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("features", c_int32),
        ("numerator_events", c_int64),
        ("denominator_events", c_int64),
        ("loss", c_double),
        ("auc", c_double),
        ("normalisation", c_double),
        ("normalisation_error", c_double),
        ("inverse", c_double),
        ("inverse_error", c_double),
        ("ess", c_double),
        ("ess_fraction", c_double),
        ("calibration_chi2", c_double),
        ("calibration_dof", c_int32),
        ("closure_dof", c_int32),
        ("closure_chi2", c_double),
        ("spread_mean", c_double),
        ("spread_max", c_double),
        ("calibration_p", c_double),
        ("closure_p", c_double),
        ("wasserstein", c_double),
        ("closure_feature", c_int32),
        ("wasserstein_feature", c_int32),
        ("ks_numerator", c_double),
        ("ks_numerator_p", c_double),
        ("ks_denominator", c_double),
        ("ks_denominator_p", c_double),
        ("largest_share", c_double),
        ("top_share", c_double),
        ("log_ratio_low", c_double),
        ("log_ratio_high", c_double),
        ("constant_features", c_int32),
        ("reserved_", c_int32),
    ]


class VerdictOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("normalisation_warn", c_double),
        ("normalisation_fail", c_double),
        ("inverse_warn", c_double),
        ("inverse_fail", c_double),
        ("calibration_warn", c_double),
        ("calibration_fail", c_double),
        ("closure_warn", c_double),
        ("closure_fail", c_double),
        ("wasserstein_warn", c_double),
        ("wasserstein_fail", c_double),
        ("overtraining_warn", c_double),
        ("overtraining_fail", c_double),
        ("ess_warn", c_double),
        ("ess_fail", c_double),
        ("share_warn", c_double),
        ("share_fail", c_double),
        ("spread_warn", c_double),
        ("spread_fail", c_double),
        ("range_warn", c_double),
        ("range_fail", c_double),
        ("events_warn", c_double),
        ("events_fail", c_double),
    ]


class VerdictCheck(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("subject", c_int32),
        ("result", c_int32),
        ("reserved_", c_int32),
        ("value", c_double),
        ("warn", c_double),
        ("fail", c_double),
        ("name", c_char * 32),
        ("line", c_char * 224),
    ]


class SearchRange(Structure):
    _fields_ = [
        ("option", c_char_p),
        ("kind", c_int32),
        ("points", c_int32),
        ("low", c_double),
        ("high", c_double),
        ("values", POINTER(c_double)),
        ("n_values", c_uint64),
    ]


class SearchOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("method", c_int32),
        ("strategy", c_int32),
        ("min_epochs", c_int32),
        ("trials", c_int64),
        ("seed", c_uint64),
        ("reduction", c_double),
        ("sigmas", c_double),
        ("ranges", POINTER(SearchRange)),
        ("n_ranges", c_uint64),
    ]


class SearchTrial(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("state", c_int32),
        ("rank", c_int32),
        ("bracket", c_int32),
        ("rungs", c_int32),
        ("epochs", c_int32),
        ("attempts", c_int32),
        ("diverged_member", c_int32),
        ("diverged_epoch", c_int32),
        ("reserved_", c_int32),
        ("diverged_batch", c_int64),
        ("parameters", c_int64),
        ("loss", c_double),
        ("spread", c_double),
        ("score", c_double),
        ("seconds", c_double),
        ("message", c_char * 256),
    ]


class TapePassInfo(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("stage", c_int32),
        ("n_events", c_int64),
        ("events", c_char_p),
    ]


class ShardRequest(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("want", c_int32),
        ("pass_index", c_int64),
        ("first_event", c_int64),
        ("n_events", c_int64),
        ("first_row", c_int64),
        ("n_rows", c_int64),
    ]


class Source(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("read", CFUNCTYPE(c_int32, c_void_p, c_void_p, c_size_t, POINTER(c_size_t))),
        ("rewind", CFUNCTYPE(c_int32, c_void_p)),
        ("user", c_void_p),
    ]


class StoreInfo(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("has_adler32", c_int32),
        ("size", c_uint64),
        ("modified_ms", c_int64),
        ("adler32", c_uint32),
        ("reserved_", c_uint32),
    ]


class StoreOps(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("abi", c_uint32),
        ("get", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_uint64, c_uint64, POINTER(Sink))),
        ("stat", CFUNCTYPE(c_int32, c_void_p, c_char_p, POINTER(StoreInfo))),
        ("put", CFUNCTYPE(c_int32, c_void_p, c_char_p, POINTER(Source), c_uint64, c_uint32)),
        ("list", CFUNCTYPE(c_int32, c_void_p, c_char_p, c_void_p, c_void_p)),
        ("remove", CFUNCTYPE(c_int32, c_void_p, c_char_p)),
        ("close", CFUNCTYPE(None, c_void_p)),
    ]


class ImpactsOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("method", c_int32),
        ("n_patterns", c_size_t),
        ("patterns", POINTER(c_char_p)),
    ]


class Impact(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("constraint", c_int32),
        ("reason", c_int32 * 2),
        ("parameter", c_size_t),
        ("name", c_char_p),
        ("moved", c_double * 2),
        ("impact", c_double * 2),
        ("size", c_double),
        ("pull", c_double),
        ("constrained", c_double),
        ("message", c_char_p * 2),
    ]


class ParameterGroup(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("name", c_char_p),
        ("n_patterns", c_size_t),
        ("patterns", POINTER(c_char_p)),
    ]


class BreakdownEntry(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("n_parameters", c_int32),
        ("name", c_char_p),
        ("variance", c_double),
        ("uncertainty", c_double),
        ("without", c_double),
        ("conventional", c_double),
    ]


class MemberColumns(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("logarithms", c_int32),
        ("channel", c_size_t),
        ("sample", c_size_t),
        ("members", POINTER(Array)),
        ("integration", POINTER(Array)),
    ]


class EnsembleOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("dependence", c_int32),
        ("combination", c_int32),
        ("max_modes", c_int32),
        ("fraction", c_double),
    ]


class ColumnSource(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("dtype", c_int32),
        ("n_columns", c_int64),
        ("self", c_void_p),
        ("read", CFUNCTYPE(c_int32, c_void_p, c_int64, c_int64, c_void_p)),
        ("will_need", CFUNCTYPE(None, c_void_p, c_int64, c_int64)),
        ("name", CFUNCTYPE(None, c_void_p, c_int64, c_void_p, c_size_t)),
        ("destroy", CFUNCTYPE(None, c_void_p)),
    ]


class TapeFunction(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("name", c_char_p),
        ("evaluate", TapeFunctionFn),
        ("destroy", TapeReleaseFn),
        ("user", c_void_p),
    ]


class TapeMapFunction(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("name", c_char_p),
        ("evaluate", TapeMapFn),
        ("destroy", TapeReleaseFn),
        ("user", c_void_p),
    ]


class TapeWorkOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("precision", c_int32),
        ("device", c_char_p),
        ("device_memory", c_int64),
    ]


class TapeInfo(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("bad_events", c_int64),
        ("first_bad_event", c_int64),
        ("seconds", c_double),
    ]


class ToyOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("auxiliary", c_int32),
        ("seed", c_uint64),
    ]


class TrainOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("depth", c_int32),
        ("width", c_int32),
        ("activation", c_int32),
        ("epochs", c_int32),
        ("members", c_int32),
        ("optimiser", c_int32),
        ("schedule", c_int32),
        ("schedule_epochs", c_int32),
        ("patience", c_int32),
        ("standardise", c_int32),
        ("bootstrap", c_int32),
        ("batch", c_int64),
        ("seed", c_uint64),
        ("learning_rate", c_double),
        ("warmup_epochs", c_double),
        ("schedule_factor", c_double),
        ("final_rate", c_double),
        ("beta1", c_double),
        ("beta2", c_double),
        ("epsilon", c_double),
        ("weight_decay", c_double),
        ("clip_norm", c_double),
        ("validation_fraction", c_double),
        ("min_improvement", c_double),
        ("checkpoint_seconds", c_double),
        ("campaign", c_char_p),
        ("device", c_char_p),
        ("residual", c_int32),
        ("layer_norm", c_int32),
        ("loss", c_int32),
        ("class_balance", c_int32),
        ("averaging", c_int32),
        ("precision", c_int32),
        ("retries", c_int32),
        ("folds", c_int32),
        ("dropout", c_double),
        ("leaky_slope", c_double),
        ("label_smoothing", c_double),
        ("score_weight", c_double),
        ("averaging_decay", c_double),
        ("averaging_start", c_double),
        ("retry_factor", c_double),
        ("initial_gain", c_double),
        ("memory", c_uint64),
        ("epoch_log", c_char_p),
    ]


class Variation(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved_", c_int32),
        ("process", c_char_p),
        ("nuisance", c_char_p),
        ("up", c_void_p),
        ("down", c_void_p),
        ("hi", c_double),
        ("lo", c_double),
    ]


class VariationsOutput(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("normsys", c_int32),
        ("workspace", c_char_p),
        ("channel", c_char_p),
        ("features", c_char_p),
        ("integration", c_char_p),
        ("output", c_char_p),
        ("columns", POINTER(ColumnsOptions)),
    ]


ExecutorOpenFn = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_char_p, POINTER(c_void_p), POINTER(c_void_p))
StoreOpenFn = CFUNCTYPE(c_int32, c_void_p, c_void_p, c_char_p, c_char_p, POINTER(c_void_p), POINTER(c_void_p))


def _declare(name, result, *arguments):
    function = getattr(lib, name)
    function.restype = result
    function.argtypes = arguments


_declare("sbi_dtype_size", c_size_t, c_int32)
_declare("sbi_array_1d", Array, c_void_p, c_int32, c_int64)
_declare("sbi_array_2d", Array, c_void_p, c_int32, c_int64, c_int64)
_declare("sbi_npy_map", c_int32, POINTER(c_void_p), c_void_p, c_char_p)
_declare("sbi_npy_unmap", None, c_void_p)
_declare("sbi_npy_array", c_int32, c_void_p, POINTER(Array))
_declare("sbi_npy_write", c_int32, c_void_p, c_char_p, POINTER(Array))
_declare("sbi_calibration_options_init", None, POINTER(CalibrationOptions))
_declare("sbi_calibration_fit", c_int32, POINTER(c_void_p), c_void_p, c_void_p, POINTER(CalibrationOptions))
_declare("sbi_calibration_fit_ratios", c_int32, POINTER(c_void_p), c_void_p, POINTER(Array), POINTER(Array), POINTER(CalibrationOptions))
_declare("sbi_calibration_destroy", None, c_void_p)
_declare("sbi_calibration_apply", c_int32, c_void_p, POINTER(c_double), c_size_t, POINTER(c_double))
_declare("sbi_calibration_knots", c_int32, c_void_p, POINTER(Array))
_declare("sbi_calibration_info_get", c_int32, c_void_p, POINTER(CalibrationInfo))
_declare("sbi_calibration_save", c_int32, c_void_p, c_char_p)
_declare("sbi_calibration_load", c_int32, POINTER(c_void_p), c_void_p, c_char_p)
_declare("sbi_campaign_event_name", c_char_p, c_int32)
_declare("sbi_campaign_options_init", None, POINTER(CampaignOptions))
_declare("sbi_campaign_open", c_int32, POINTER(c_void_p), c_void_p, c_char_p, POINTER(CampaignOptions))
_declare("sbi_campaign_close", None, c_void_p)
_declare("sbi_campaign_add", c_int32, c_void_p, POINTER(Task), POINTER(c_char_p), c_size_t, POINTER(c_size_t))
_declare("sbi_campaign_run", c_int32, c_void_p, c_void_p)
_declare("sbi_campaign_result", c_int32, c_void_p, c_char_p, POINTER(Sink))
_declare("sbi_campaign_result_size", c_int32, c_void_p, c_char_p, POINTER(c_uint64))
_declare("sbi_campaign_count", c_size_t, c_void_p)
_declare("sbi_campaign_report_get", c_int32, c_void_p, c_size_t, POINTER(CampaignReport))
_declare("sbi_campaign_index", c_int32, c_void_p, c_char_p, POINTER(c_size_t))
_declare("sbi_campaign_spec", c_int32, c_void_p, c_size_t, POINTER(c_void_p), POINTER(c_size_t))
_declare("sbi_campaign_event_count", c_size_t, c_void_p)
_declare("sbi_campaign_event_get", c_int32, c_void_p, c_size_t, POINTER(CampaignEvent))
_declare("sbi_campaign_stage_count", c_size_t, c_void_p)
_declare("sbi_campaign_usage_get", c_int32, c_void_p, c_size_t, POINTER(CampaignUsage))
_declare("sbi_campaign_executor", c_int32, c_void_p, POINTER(c_char_p), POINTER(c_char_p), POINTER(c_int32))
_declare("sbi_campaign_retry", c_int32, c_void_p, POINTER(c_char_p), c_size_t, POINTER(c_size_t))
_declare("sbi_campaign_cancel", c_int32, c_void_p, c_char_p)
_declare("sbi_campaign_stop", c_int32, c_void_p, c_void_p)
_declare("sbi_column_init", None, POINTER(Column))
_declare("sbi_columns_options_init", None, POINTER(ColumnsOptions))
_declare("sbi_columns_evaluate", c_int32, c_void_p, c_char_p, POINTER(Column), c_size_t, POINTER(ColumnsOptions), c_void_p)
_declare("sbi_columns_pack", c_int32, c_void_p, c_char_p, c_char_p, c_size_t, c_size_t, POINTER(Column), POINTER(ColumnsOptions), c_void_p)
_declare("sbi_context_options_init", None, POINTER(ContextOptions))
_declare("sbi_context_create", c_int32, POINTER(c_void_p), POINTER(ContextOptions))
_declare("sbi_context_destroy", None, c_void_p)
_declare("sbi_context_cancel", None, c_void_p, c_int32)
_declare("sbi_context_threads", c_int32, c_void_p)
_declare("sbi_dataset_create", c_int32, POINTER(c_void_p), c_void_p)
_declare("sbi_dataset_destroy", None, c_void_p)
_declare("sbi_dataset_set_weight_policy", c_int32, c_void_p, c_int32)
_declare("sbi_dataset_add_npy", c_int32, c_void_p, c_int32, c_char_p, c_char_p)
_declare("sbi_dataset_add_array", c_int32, c_void_p, c_int32, POINTER(Array), POINTER(Array))
_declare("sbi_event_files_init", None, POINTER(EventFiles))
_declare("sbi_event_arrays_init", None, POINTER(EventArrays))
_declare("sbi_dataset_add_files", c_int32, c_void_p, c_int32, POINTER(EventFiles))
_declare("sbi_dataset_add_arrays", c_int32, c_void_p, c_int32, POINTER(EventArrays))
_declare("sbi_dataset_set_feature_names", c_int32, c_void_p, POINTER(c_char_p), c_size_t)
_declare("sbi_dataset_feature_name", c_char_p, c_void_p, c_size_t)
_declare("sbi_dataset_set_parameter_names", c_int32, c_void_p, POINTER(c_char_p), c_size_t)
_declare("sbi_dataset_parameter_name", c_char_p, c_void_p, c_size_t)
_declare("sbi_dataset_set_class_name", c_int32, c_void_p, c_int32, c_char_p)
_declare("sbi_dataset_class_name", c_char_p, c_void_p, c_int32)
_declare("sbi_dataset_add_transform", c_int32, c_void_p, c_size_t, c_int32, POINTER(c_double), c_size_t)
_declare("sbi_dataset_features", c_size_t, c_void_p)
_declare("sbi_dataset_parameters", c_size_t, c_void_p)
_declare("sbi_dataset_targets", c_size_t, c_void_p)
_declare("sbi_dataset_classes", c_size_t, c_void_p)
_declare("sbi_dataset_events", c_int64, c_void_p, c_int32)
_declare("sbi_dataset_weight", c_double, c_void_p, c_int32)
_declare("sbi_dataset_checksum", c_int32, c_void_p, c_void_p)
_declare("sbi_dataset_split", c_int32, c_void_p, c_int32, c_uint64, c_double, POINTER(c_uint8))
_declare("sbi_dataset_fold", c_int32, c_void_p, c_int32, c_uint64, c_int32, POINTER(c_int32))
_declare("sbi_model_prefit", c_int32, c_void_p, POINTER(c_double), POINTER(c_double))
_declare("sbi_model_expected_jacobian", c_int32, c_void_p, c_size_t, POINTER(c_double), POINTER(c_double), POINTER(c_double))
_declare("sbi_model_expected_errors", c_int32, c_void_p, c_size_t, POINTER(c_double), POINTER(c_double), POINTER(c_double), POINTER(c_double), POINTER(c_double))
_declare("sbi_task_state_name", c_char_p, c_int32)
_declare("sbi_executor_open", c_int32, POINTER(c_void_p), c_void_p, c_char_p, c_char_p)
_declare("sbi_executor_create", c_int32, POINTER(c_void_p), c_void_p, POINTER(ExecutorOps), c_void_p)
_declare("sbi_executor_register", c_int32, c_void_p, c_char_p, ExecutorOpenFn, c_void_p)
_declare("sbi_executor_close", None, c_void_p)
_declare("sbi_executor_submit", c_int32, c_void_p, POINTER(Task), c_size_t)
_declare("sbi_executor_poll", c_int32, c_void_p, POINTER(TaskReport), c_size_t, POINTER(c_size_t), c_int32)
_declare("sbi_executor_fetch", c_int32, c_void_p, c_char_p, POINTER(Sink))
_declare("sbi_executor_log", c_int32, c_void_p, c_char_p, POINTER(Sink))
_declare("sbi_executor_cancel", c_int32, c_void_p, POINTER(c_char_p), c_size_t)
_declare("sbi_executor_release", c_int32, c_void_p, POINTER(c_char_p), c_size_t)
_declare("sbi_executor_capabilities", c_int32, c_void_p, POINTER(ExecutorCaps))
_declare("sbi_objective_init", None, POINTER(Objective))
_declare("sbi_fit_options_init", None, POINTER(FitOptions))
_declare("sbi_fit_run", c_int32, POINTER(c_void_p), c_void_p, POINTER(FitOptions))
_declare("sbi_fit_run_objective", c_int32, POINTER(c_void_p), c_void_p, POINTER(Objective), POINTER(FitOptions))
_declare("sbi_fit_destroy", None, c_void_p)
_declare("sbi_fit_reason", c_int32, c_void_p)
_declare("sbi_fit_reason_text", c_char_p, c_int32)
_declare("sbi_fit_message", c_char_p, c_void_p)
_declare("sbi_fit_get_info", c_int32, c_void_p, POINTER(FitInfo))
_declare("sbi_fit_n_minima", c_size_t, c_void_p)
_declare("sbi_fit_get_minimum", c_int32, c_void_p, c_size_t, POINTER(FitMinimum), POINTER(c_double))
_declare("sbi_fit_n_params", c_size_t, c_void_p)
_declare("sbi_fit_param_name", c_char_p, c_void_p, c_size_t)
_declare("sbi_fit_param_index", c_int32, c_void_p, c_char_p, POINTER(c_size_t))
_declare("sbi_fit_nll", c_int32, c_void_p, POINTER(c_double))
_declare("sbi_fit_value", c_int32, c_void_p, c_char_p, POINTER(c_double))
_declare("sbi_fit_error", c_int32, c_void_p, c_char_p, POINTER(c_double))
_declare("sbi_fit_values", c_int32, c_void_p, POINTER(c_double))
_declare("sbi_fit_errors", c_int32, c_void_p, POINTER(c_double))
_declare("sbi_fit_param_states", c_int32, c_void_p, POINTER(c_int32))
_declare("sbi_fit_bounds", c_int32, c_void_p, POINTER(c_double), POINTER(c_double))
_declare("sbi_fit_covariance", c_int32, c_void_p, POINTER(c_double))
_declare("sbi_fit_correlation", c_int32, c_void_p, POINTER(c_double))
_declare("sbi_fit_global_correlations", c_int32, c_void_p, POINTER(c_double))
_declare("sbi_fit_gradient", c_int32, c_void_p, POINTER(c_double))
_declare("sbi_fit_get_hessian", c_int32, c_void_p, POINTER(c_double))
_declare("sbi_fit_set_hessian", c_int32, c_void_p, POINTER(c_double))
_declare("sbi_fit_least_curvature", c_int32, c_void_p, POINTER(c_double), POINTER(c_double))
_declare("sbi_fit_hessian", c_int32, c_void_p, c_void_p, POINTER(c_double))
_declare("sbi_fit_covariance_row", c_int32, c_void_p, c_char_p, POINTER(c_double))
_declare("sbi_fit_write_json", c_int32, c_void_p, c_char_p)
_declare("sbi_hessian_options_init", None, POINTER(HessianOptions))
_declare("sbi_fit_hessian_campaign", c_int32, c_void_p, c_void_p, POINTER(HessianOptions), POINTER(c_double))
_declare("sbi_fit_model", c_void_p, c_void_p)
_declare("sbi_fit_minos", c_int32, c_void_p, c_char_p, POINTER(c_double))
_declare("sbi_fit_interval_at", c_int32, c_void_p, c_char_p, c_double, POINTER(FitInterval))
_declare("sbi_fit_profile", c_int32, c_void_p, c_char_p, POINTER(c_double), c_size_t, POINTER(c_double), POINTER(c_double))
_declare("sbi_fit_scan", c_int32, c_void_p, c_char_p, POINTER(c_double), c_size_t, POINTER(c_double))
_declare("sbi_fit_minima", c_int32, c_void_p, c_char_p, c_double, c_double, c_size_t, c_size_t, POINTER(c_size_t), POINTER(c_double), POINTER(c_double), POINTER(c_double))
_declare("sbi_fit_impacts", c_int32, c_void_p, c_char_p, POINTER(c_double), POINTER(c_double))
_declare("sbi_fit_pulls", c_int32, c_void_p, POINTER(c_double), POINTER(c_double))
_declare("sbi_fit_test_statistic", c_int32, c_void_p, c_char_p, c_double, c_int32, POINTER(c_double))
_declare("sbi_asymptotic_cls", c_int32, c_int32, c_double, c_double, POINTER(c_double))
_declare("sbi_fit_upper_limit", c_int32, c_void_p, c_void_p, c_char_p, c_double, POINTER(c_double))
_declare("sbi_confidence_set_options_init", None, POINTER(ConfidenceSetOptions))
_declare("sbi_confidence_set_find", c_int32, POINTER(c_void_p), c_void_p, c_char_p, POINTER(ConfidenceSetOptions))
_declare("sbi_confidence_set_destroy", None, c_void_p)
_declare("sbi_confidence_set_n_intervals", c_size_t, c_void_p)
_declare("sbi_confidence_set_interval", c_int32, c_void_p, c_size_t, POINTER(ConfidenceInterval))
_declare("sbi_confidence_set_get_info", c_int32, c_void_p, POINTER(ConfidenceSetInfo))
_declare("sbi_confidence_set_message", c_char_p, c_void_p)
_declare("sbi_contour_options_init", None, POINTER(ContourOptions))
_declare("sbi_contour_find", c_int32, POINTER(c_void_p), c_void_p, c_char_p, c_char_p, POINTER(ContourOptions))
_declare("sbi_contour_destroy", None, c_void_p)
_declare("sbi_contour_n_curves", c_size_t, c_void_p)
_declare("sbi_contour_n_points", c_size_t, c_void_p, c_size_t)
_declare("sbi_contour_points", c_int32, c_void_p, c_size_t, POINTER(c_double), POINTER(c_double), POINTER(c_int32))
_declare("sbi_contour_get_info", c_int32, c_void_p, POINTER(ContourInfo))
_declare("sbi_job_run", c_int32, c_void_p, POINTER(Task), c_char_p, c_char_p, POINTER(Sink))
_declare("sbi_job_key", c_int32, c_void_p, c_void_p, c_size_t, c_void_p)
_declare("sbi_job_run_folder", c_int32, c_void_p, c_char_p, POINTER(c_int32))
_declare("sbi_job_stage", c_int32, c_void_p, c_void_p, POINTER(Task))
_declare("sbi_job_stage_array", c_int32, c_void_p, c_void_p, c_char_p, POINTER(c_char_p), c_size_t)
_declare("sbi_job_array_key", c_int32, c_void_p, c_void_p, c_char_p, c_uint64, c_void_p)
_declare("sbi_job_look", c_int32, c_void_p, c_void_p, c_char_p, POINTER(TaskReport), POINTER(c_int64))
_declare("sbi_job_fetch", c_int32, c_void_p, c_void_p, c_char_p, POINTER(Sink))
_declare("sbi_job_log", c_int32, c_void_p, c_void_p, c_char_p, POINTER(Sink))
_declare("sbi_job_exit_state", c_int32, c_int32, POINTER(c_int32))
_declare("sbi_worker_options_init", None, POINTER(WorkerOptions))
_declare("sbi_job_run_store", c_int32, c_void_p, c_void_p, c_char_p, POINTER(WorkerOptions), POINTER(c_int32))
_declare("sbi_fit_profiled", c_int32, c_void_p, c_char_p, c_double, POINTER(c_double), POINTER(c_double))
_declare("sbi_fit_run_asimov", c_int32, POINTER(c_void_p), POINTER(c_void_p), c_void_p, c_char_p, c_double)
_declare("sbi_asymptotic_p_value", c_int32, c_int32, c_double, c_double, POINTER(c_double))
_declare("sbi_significance", c_double, c_double)
_declare("sbi_fit_discovery", c_int32, c_void_p, c_char_p, POINTER(Discovery))
_declare("sbi_limit_options_init", None, POINTER(LimitOptions))
_declare("sbi_fit_limits", c_int32, c_void_p, c_void_p, c_char_p, POINTER(LimitOptions), POINTER(Limit))
_declare("sbi_toy_limit_options_init", None, POINTER(ToyLimitOptions))
_declare("sbi_fit_limits_by_toys", c_int32, c_void_p, c_char_p, POINTER(c_double), c_size_t, POINTER(ToyLimitOptions), c_void_p, POINTER(Limit), POINTER(c_double), POINTER(c_double))
_declare("sbi_fit_goodness", c_int32, c_void_p, POINTER(Goodness))
_declare("sbi_parameter_init", None, POINTER(Parameter))
_declare("sbi_model_load", c_int32, POINTER(c_void_p), c_void_p, c_char_p)
_declare("sbi_model_load_text", c_int32, POINTER(c_void_p), c_void_p, c_char_p, c_size_t, c_char_p)
_declare("sbi_workspace_options_init", None, POINTER(WorkspaceOptions))
_declare("sbi_model_load_with", c_int32, POINTER(c_void_p), c_void_p, c_char_p, POINTER(WorkspaceOptions))
_declare("sbi_model_load_text_with", c_int32, POINTER(c_void_p), c_void_p, c_char_p, c_size_t, c_char_p, POINTER(WorkspaceOptions))
_declare("sbi_pack_options_init", None, POINTER(PackOptions))
_declare("sbi_workspace_pack", c_int32, c_void_p, c_char_p, c_char_p, POINTER(PackOptions))
_declare("sbi_pack_columns", c_int32, c_void_p, c_char_p, c_int64, c_size_t, c_size_t, POINTER(Array), c_int32, POINTER(PackOptions))
_declare("sbi_model_create", c_int32, POINTER(c_void_p), c_void_p)
_declare("sbi_model_destroy", None, c_void_p)
_declare("sbi_model_add_parameter", c_int32, c_void_p, c_char_p, POINTER(Parameter))
_declare("sbi_model_set_poi", c_int32, c_void_p, c_char_p)
_declare("sbi_model_add_channel", c_int32, c_void_p, c_char_p, c_int64, POINTER(Array), POINTER(Array), c_uint32, POINTER(c_size_t))
_declare("sbi_model_add_sample", c_int32, c_void_p, c_size_t, c_char_p, c_double, c_char_p, POINTER(Array), POINTER(Array), POINTER(c_size_t))
_declare("sbi_model_add_normfactor", c_int32, c_void_p, c_size_t, c_size_t, c_char_p)
_declare("sbi_model_add_normsys", c_int32, c_void_p, c_size_t, c_size_t, c_char_p, c_double, c_double)
_declare("sbi_model_add_eventsys", c_int32, c_void_p, c_size_t, c_size_t, c_char_p, POINTER(Array), POINTER(Array), POINTER(Array), POINTER(Array), c_int32)
_declare("sbi_model_add_binned_channel", c_int32, c_void_p, c_char_p, c_size_t, POINTER(c_double), POINTER(c_size_t))
_declare("sbi_model_add_binned_sample", c_int32, c_void_p, c_size_t, c_char_p, POINTER(c_double), POINTER(c_size_t))
_declare("sbi_model_add_histosys", c_int32, c_void_p, c_size_t, c_size_t, c_char_p, POINTER(c_double), POINTER(c_double))
_declare("sbi_model_add_bin_factors", c_int32, c_void_p, c_size_t, c_size_t, POINTER(c_char_p))
_declare("sbi_model_seal", c_int32, c_void_p)
_declare("sbi_model_n_parameters", c_size_t, c_void_p)
_declare("sbi_model_parameter_name", c_char_p, c_void_p, c_size_t)
_declare("sbi_model_parameter_index", c_int32, c_void_p, c_char_p, POINTER(c_size_t))
_declare("sbi_model_parameter", c_int32, c_void_p, c_size_t, POINTER(Parameter))
_declare("sbi_model_poi", c_char_p, c_void_p)
_declare("sbi_model_start", c_int32, c_void_p, POINTER(c_double))
_declare("sbi_model_n_channels", c_size_t, c_void_p)
_declare("sbi_model_channel_name", c_char_p, c_void_p, c_size_t)
_declare("sbi_model_n_events", c_int64, c_void_p, c_size_t)
_declare("sbi_model_effective_events", c_int32, c_void_p, c_size_t, POINTER(c_double), POINTER(c_double))
_declare("sbi_model_n_bins", c_size_t, c_void_p, c_size_t)
_declare("sbi_model_observed", c_int32, c_void_p, c_size_t, POINTER(c_double))
_declare("sbi_model_n_asimov_events", c_int64, c_void_p, c_size_t)
_declare("sbi_model_n_samples", c_size_t, c_void_p, c_size_t)
_declare("sbi_model_sample_name", c_char_p, c_void_p, c_size_t, c_size_t)
_declare("sbi_model_context", c_void_p, c_void_p)
_declare("sbi_model_tape", c_void_p, c_void_p)
_declare("sbi_model_work_create", c_int32, POINTER(c_void_p), c_void_p)
_declare("sbi_model_work_create_with", c_int32, POINTER(c_void_p), c_void_p, POINTER(TapeWorkOptions))
_declare("sbi_model_work_destroy", None, c_void_p)
_declare("sbi_model_nll", c_int32, c_void_p, POINTER(c_double), POINTER(c_double), POINTER(c_double))
_declare("sbi_model_hvp", c_int32, c_void_p, POINTER(c_double), POINTER(c_double), c_size_t, POINTER(c_double))
_declare("sbi_model_hessian", c_int32, c_void_p, POINTER(c_double), POINTER(c_double), POINTER(c_double), POINTER(c_double))
_declare("sbi_model_hessian_rows", c_int32, c_void_p, POINTER(c_double), c_size_t, c_size_t, POINTER(c_double))
_declare("sbi_model_last_info", c_int32, c_void_p, POINTER(TapeInfo))
_declare("sbi_model_yields", c_int32, c_void_p, c_size_t, POINTER(c_double), POINTER(c_double))
_declare("sbi_model_expected", c_int32, c_void_p, c_size_t, POINTER(c_double), POINTER(c_double), POINTER(c_double))
_declare("sbi_model_asimov_weights", c_int32, c_void_p, c_size_t, POINTER(c_double), POINTER(c_double))
_declare("sbi_model_asimov", c_int32, POINTER(c_void_p), c_void_p, POINTER(c_double))
_declare("sbi_model_replace_ratios", c_int32, POINTER(c_void_p), c_void_p, POINTER(RatioReplacement), c_size_t)
_declare("sbi_network_form_init", None, POINTER(NetworkForm))
_declare("sbi_network_create", c_int32, POINTER(c_void_p), c_void_p, c_size_t, POINTER(Array), POINTER(Array), c_int32, POINTER(Array), POINTER(Array))
_declare("sbi_network_create_with", c_int32, POINTER(c_void_p), c_void_p, c_size_t, POINTER(Array), POINTER(Array), POINTER(NetworkForm), POINTER(Array), POINTER(Array))
_declare("sbi_network_destroy", None, c_void_p)
_declare("sbi_network_save", c_int32, c_void_p, c_char_p)
_declare("sbi_network_load", c_int32, POINTER(c_void_p), c_void_p, c_char_p)
_declare("sbi_network_info_get", c_int32, c_void_p, POINTER(NetworkInfo))
_declare("sbi_network_layer", c_int32, c_void_p, c_size_t, POINTER(Array), POINTER(Array))
_declare("sbi_network_norm", c_int32, c_void_p, c_size_t, POINTER(Array), POINTER(Array))
_declare("sbi_network_residual", c_int32, c_void_p, c_size_t)
_declare("sbi_network_activation", c_int32, c_void_p, c_size_t)
_declare("sbi_network_standardisation", c_int32, c_void_p, POINTER(Array), POINTER(Array))
_declare("sbi_network_transform_count", c_size_t, c_void_p, c_size_t)
_declare("sbi_network_transform", c_int32, c_void_p, c_size_t, c_size_t, POINTER(c_int32), POINTER(Array))
_declare("sbi_network_feature_name", c_char_p, c_void_p, c_size_t)
_declare("sbi_network_history", c_int32, c_void_p, POINTER(Array))
_declare("sbi_network_training", c_char_p, c_void_p)
_declare("sbi_network_evaluate", c_int32, c_void_p, POINTER(Array), POINTER(c_double))
_declare("sbi_network_evaluate_all", c_int32, c_void_p, POINTER(Array), POINTER(c_double))
_declare("sbi_network_evaluate_at", c_int32, c_void_p, POINTER(Array), POINTER(c_double), c_size_t, POINTER(c_double))
_declare("sbi_network_class_name", c_char_p, c_void_p, c_size_t)
_declare("sbi_ensemble_create", c_int32, POINTER(c_void_p), c_void_p, POINTER(c_void_p), c_size_t)
_declare("sbi_ensemble_destroy", None, c_void_p)
_declare("sbi_ensemble_save", c_int32, c_void_p, c_char_p)
_declare("sbi_ensemble_load", c_int32, POINTER(c_void_p), c_void_p, c_char_p)
_declare("sbi_ensemble_load_files", c_int32, POINTER(c_void_p), c_void_p, POINTER(c_char_p), c_size_t)
_declare("sbi_ensemble_write_report", c_int32, c_void_p, c_char_p)
_declare("sbi_ensemble_members", c_size_t, c_void_p)
_declare("sbi_ensemble_network", c_void_p, c_void_p, c_size_t)
_declare("sbi_ensemble_set_combination", c_int32, c_void_p, c_int32)
_declare("sbi_ensemble_combination", c_int32, c_void_p)
_declare("sbi_neyman_options_init", None, POINTER(NeymanOptions))
_declare("sbi_neyman_run", c_int32, POINTER(c_void_p), c_void_p, c_char_p, POINTER(c_double), c_size_t, POINTER(NeymanOptions), c_void_p)
_declare("sbi_neyman_destroy", None, c_void_p)
_declare("sbi_neyman_n_values", c_size_t, c_void_p)
_declare("sbi_neyman_n_levels", c_size_t, c_void_p)
_declare("sbi_neyman_values", c_int32, c_void_p, POINTER(c_double))
_declare("sbi_neyman_observed", c_int32, c_void_p, POINTER(c_double))
_declare("sbi_neyman_critical", c_int32, c_void_p, c_size_t, POINTER(c_double), POINTER(c_double))
_declare("sbi_neyman_p_values", c_int32, c_void_p, POINTER(c_double), POINTER(c_double))
_declare("sbi_neyman_toys", c_void_p, c_void_p, c_size_t)
_declare("sbi_neyman_set", c_int32, c_void_p, c_size_t, POINTER(c_double), c_size_t, POINTER(c_size_t), POINTER(c_double))
_declare("sbi_objective_from_model", c_int32, POINTER(c_void_p), c_void_p, POINTER(TapeWorkOptions))
_declare("sbi_objective_from_tape", c_int32, POINTER(c_void_p), c_void_p, POINTER(c_double), POINTER(TapeWorkOptions))
_declare("sbi_objective_destroy", None, POINTER(Objective))
_declare("sbi_onnx_options_init", None, POINTER(OnnxOptions))
_declare("sbi_network_write_onnx", c_int32, c_void_p, c_char_p, POINTER(OnnxOptions))
_declare("sbi_ensemble_write_onnx", c_int32, c_void_p, c_char_p, POINTER(OnnxOptions))
_declare("sbi_network_read_onnx", c_int32, POINTER(c_void_p), c_void_p, c_char_p)
_declare("sbi_ratio_options_init", None, POINTER(RatioOptions))
_declare("sbi_ratio_evaluate", c_int32, c_void_p, POINTER(Array), POINTER(c_double), POINTER(c_double), POINTER(RatioOptions))
_declare("sbi_ratio_write", c_int32, c_void_p, c_char_p, c_char_p, POINTER(RatioOptions))
_declare("sbi_ratio_evaluate_held_out", c_int32, c_void_p, c_void_p, c_int32, POINTER(c_double), POINTER(c_double), POINTER(RatioOptions))
_declare("sbi_ratio_write_held_out", c_int32, c_void_p, c_void_p, c_int32, c_char_p, POINTER(RatioOptions))
_declare("sbi_ratio_normalisation", c_int32, c_void_p, POINTER(Array), POINTER(Array), POINTER(Normalisation))
_declare("sbi_diagnostics_options_init", None, POINTER(DiagnosticsOptions))
_declare("sbi_diagnostics_run", c_int32, POINTER(c_void_p), c_void_p, c_void_p, POINTER(DiagnosticsOptions))
_declare("sbi_diagnostics_compute", c_int32, POINTER(c_void_p), c_void_p, POINTER(Array), POINTER(Array), POINTER(DiagnosticsOptions))
_declare("sbi_diagnostics_destroy", None, c_void_p)
_declare("sbi_diagnostics_summary_get", c_int32, c_void_p, POINTER(DiagnosticsSummary))
_declare("sbi_diagnostics_table", c_int32, c_void_p, c_int32, c_size_t, POINTER(Array))
_declare("sbi_diagnostics_write", c_int32, c_void_p, c_char_p)
_declare("sbi_verdict_options_init", None, POINTER(VerdictOptions))
_declare("sbi_verdict_make", c_int32, POINTER(c_void_p), c_void_p, POINTER(VerdictOptions))
_declare("sbi_verdict_ensemble", c_int32, POINTER(c_void_p), c_void_p, c_void_p, POINTER(DiagnosticsOptions), POINTER(VerdictOptions))
_declare("sbi_verdict_destroy", None, c_void_p)
_declare("sbi_verdict_result", c_int32, c_void_p, c_int32)
_declare("sbi_verdict_count", c_size_t, c_void_p)
_declare("sbi_verdict_check_get", c_int32, c_void_p, c_size_t, POINTER(VerdictCheck))
_declare("sbi_verdict_write", c_int32, c_void_p, c_char_p)
_declare("sbi_search_options_init", None, POINTER(SearchOptions))
_declare("sbi_search_create", c_int32, POINTER(c_void_p), c_void_p, POINTER(TrainOptions), POINTER(SearchOptions))
_declare("sbi_search_parse", c_int32, POINTER(c_void_p), c_void_p, POINTER(TrainOptions), c_char_p, c_size_t)
_declare("sbi_search_load", c_int32, POINTER(c_void_p), c_void_p, POINTER(TrainOptions), c_char_p)
_declare("sbi_search_destroy", None, c_void_p)
_declare("sbi_search_run", c_int32, c_void_p, c_void_p, c_void_p)
_declare("sbi_search_trials", c_size_t, c_void_p)
_declare("sbi_search_trial_get", c_int32, c_void_p, c_size_t, POINTER(SearchTrial))
_declare("sbi_search_ranked", c_int32, c_void_p, c_size_t, POINTER(c_size_t))
_declare("sbi_search_trial_options", c_int32, c_void_p, c_size_t, POINTER(TrainOptions))
_declare("sbi_search_best_options", c_int32, c_void_p, POINTER(TrainOptions))
_declare("sbi_search_ensemble", c_int32, POINTER(c_void_p), c_void_p, c_size_t)
_declare("sbi_search_write", c_int32, c_void_p, c_char_p)
_declare("sbi_tape_n_passes", c_size_t, c_void_p)
_declare("sbi_tape_pass_get", c_int32, c_void_p, c_size_t, POINTER(TapePassInfo))
_declare("sbi_shard_request_init", None, POINTER(ShardRequest))
_declare("sbi_shard_compute", c_int32, c_void_p, POINTER(c_double), POINTER(ShardRequest), c_void_p, c_size_t, POINTER(c_void_p), POINTER(c_size_t))
_declare("sbi_shard_merge", c_int32, c_void_p, POINTER(c_void_p), POINTER(c_size_t), c_size_t, POINTER(c_void_p), POINTER(c_size_t))
_declare("sbi_shard_finish", c_int32, c_void_p, POINTER(c_double), c_void_p, c_size_t, POINTER(c_double), POINTER(c_double), c_size_t, c_size_t, POINTER(c_double))
_declare("sbi_shard_free", None, c_void_p, c_void_p)
_declare("sbi_status_name", c_char_p, c_int32)
_declare("sbi_status_text", c_char_p, c_int32)
_declare("sbi_last_error", c_char_p)
_declare("sbi_error_set", c_int32, c_int32, c_char_p)
_declare("sbi_store_open", c_int32, POINTER(c_void_p), c_void_p, c_char_p, c_char_p)
_declare("sbi_store_create", c_int32, POINTER(c_void_p), c_void_p, POINTER(StoreOps), c_void_p, c_char_p)
_declare("sbi_store_register", c_int32, c_void_p, c_char_p, StoreOpenFn, c_void_p)
_declare("sbi_store_close", None, c_void_p)
_declare("sbi_store_url", c_char_p, c_void_p)
_declare("sbi_store_get", c_int32, c_void_p, c_char_p, c_uint64, c_uint64, POINTER(Sink))
_declare("sbi_store_stat", c_int32, c_void_p, c_char_p, POINTER(StoreInfo))
_declare("sbi_store_put", c_int32, c_void_p, c_char_p, POINTER(Source), c_uint64, c_uint32)
_declare("sbi_store_list", c_int32, c_void_p, c_char_p, c_void_p, c_void_p)
_declare("sbi_store_remove", c_int32, c_void_p, c_char_p)
_declare("sbi_store_put_bytes", c_int32, c_void_p, c_char_p, c_void_p, c_size_t, c_uint32)
_declare("sbi_store_put_file", c_int32, c_void_p, c_char_p, c_char_p, c_uint32)
_declare("sbi_store_get_file", c_int32, c_void_p, c_char_p, c_char_p, c_char_p)
_declare("sbi_store_put_content", c_int32, c_void_p, c_char_p, c_void_p)
_declare("sbi_impacts_options_init", None, POINTER(ImpactsOptions))
_declare("sbi_impacts_run", c_int32, POINTER(c_void_p), c_void_p, c_char_p, POINTER(ImpactsOptions))
_declare("sbi_impacts_destroy", None, c_void_p)
_declare("sbi_impacts_count", c_size_t, c_void_p)
_declare("sbi_impacts_failures", c_size_t, c_void_p)
_declare("sbi_impacts_get", c_int32, c_void_p, c_size_t, POINTER(Impact))
_declare("sbi_impacts_shift", c_int32, c_void_p, c_size_t, c_int32, POINTER(c_double))
_declare("sbi_breakdown_run", c_int32, POINTER(c_void_p), c_void_p, c_char_p, POINTER(ParameterGroup), c_size_t)
_declare("sbi_breakdown_destroy", None, c_void_p)
_declare("sbi_breakdown_count", c_size_t, c_void_p)
_declare("sbi_breakdown_get", c_int32, c_void_p, c_size_t, POINTER(BreakdownEntry))
_declare("sbi_ensemble_options_init", None, POINTER(EnsembleOptions))
_declare("sbi_ensemble_covariance", c_int32, c_void_p, POINTER(MemberColumns), c_size_t, POINTER(EnsembleOptions), POINTER(c_double), POINTER(c_double))
_declare("sbi_member_modes_create", c_int32, POINTER(c_void_p), c_void_p, POINTER(Array), c_int32, POINTER(Array), POINTER(EnsembleOptions))
_declare("sbi_member_modes_destroy", None, c_void_p)
_declare("sbi_member_modes_count", c_size_t, c_void_p)
_declare("sbi_member_modes_fraction", c_double, c_void_p, c_size_t)
_declare("sbi_member_modes_column", c_int32, c_void_p, c_size_t, POINTER(Array), c_int32, POINTER(c_double))
_declare("sbi_member_spread", c_int32, c_void_p, POINTER(Array), c_int32, POINTER(EnsembleOptions), POINTER(c_double))
_declare("sbi_tape_create", c_int32, POINTER(c_void_p), c_void_p)
_declare("sbi_tape_destroy", None, c_void_p)
_declare("sbi_tape_param", c_int32, c_void_p, c_char_p)
_declare("sbi_tape_constant", c_int32, c_void_p, c_double)
_declare("sbi_tape_events", c_int32, c_void_p, c_char_p, c_int64)
_declare("sbi_tape_column", c_int32, c_void_p, c_int32, POINTER(Array), c_char_p)
_declare("sbi_column_source_init", None, POINTER(ColumnSource))
_declare("sbi_tape_column_source", c_int32, c_void_p, c_int32, POINTER(ColumnSource), c_char_p)
_declare("sbi_tape_add", c_int32, c_void_p, c_int32, c_int32)
_declare("sbi_tape_sub", c_int32, c_void_p, c_int32, c_int32)
_declare("sbi_tape_mul", c_int32, c_void_p, c_int32, c_int32)
_declare("sbi_tape_div", c_int32, c_void_p, c_int32, c_int32)
_declare("sbi_tape_pow", c_int32, c_void_p, c_int32, c_int32)
_declare("sbi_tape_neg", c_int32, c_void_p, c_int32)
_declare("sbi_tape_square", c_int32, c_void_p, c_int32)
_declare("sbi_tape_exp", c_int32, c_void_p, c_int32)
_declare("sbi_tape_expm1", c_int32, c_void_p, c_int32)
_declare("sbi_tape_log", c_int32, c_void_p, c_int32)
_declare("sbi_tape_log1p", c_int32, c_void_p, c_int32)
_declare("sbi_tape_sqrt", c_int32, c_void_p, c_int32)
_declare("sbi_tape_tanh", c_int32, c_void_p, c_int32)
_declare("sbi_tape_logistic", c_int32, c_void_p, c_int32)
_declare("sbi_tape_softplus", c_int32, c_void_p, c_int32)
_declare("sbi_tape_lgamma", c_int32, c_void_p, c_int32)
_declare("sbi_tape_digamma", c_int32, c_void_p, c_int32)
_declare("sbi_tape_trigamma", c_int32, c_void_p, c_int32)
_declare("sbi_tape_poisson", c_int32, c_void_p, c_int32, c_int32, c_int32)
_declare("sbi_tape_gaussian", c_int32, c_void_p, c_int32, c_int32, c_int32, c_int32)
_declare("sbi_tape_lognormal", c_int32, c_void_p, c_int32, c_int32, c_int32, c_int32)
_declare("sbi_tape_function_init", None, POINTER(TapeFunction))
_declare("sbi_tape_map_function_init", None, POINTER(TapeMapFunction))
_declare("sbi_tape_apply", c_int32, c_void_p, POINTER(TapeFunction), POINTER(c_int32), c_size_t)
_declare("sbi_tape_map", c_int32, c_void_p, POINTER(TapeMapFunction), c_int32)
_declare("sbi_tape_interp", c_int32, c_void_p, c_int32, c_double, c_double, c_int32)
_declare("sbi_tape_morph", c_int32, c_void_p, c_int32, POINTER(c_int32), c_size_t, POINTER(Array), POINTER(Array), c_int32, c_int32)
_declare("sbi_tape_morph_source", c_int32, c_void_p, c_int32, POINTER(c_int32), c_size_t, POINTER(ColumnSource), c_int32, c_int32, c_char_p)
_declare("sbi_tape_dot", c_int32, c_void_p, POINTER(c_int32), POINTER(c_int32), c_size_t)
_declare("sbi_tape_sum", c_int32, c_void_p, c_int32)
_declare("sbi_tape_weighted_sum", c_int32, c_void_p, c_int32, c_int32)
_declare("sbi_tape_status", c_int32, c_void_p)
_declare("sbi_tape_seal", c_int32, c_void_p, c_int32)
_declare("sbi_tape_n_params", c_size_t, c_void_p)
_declare("sbi_tape_param_name", c_char_p, c_void_p, c_size_t)
_declare("sbi_tape_param_index", c_int32, c_void_p, c_char_p, POINTER(c_size_t))
_declare("sbi_tape_work_create", c_int32, POINTER(c_void_p), c_void_p)
_declare("sbi_tape_work_options_init", None, POINTER(TapeWorkOptions))
_declare("sbi_tape_work_create_with", c_int32, POINTER(c_void_p), c_void_p, POINTER(TapeWorkOptions))
_declare("sbi_tape_work_destroy", None, c_void_p)
_declare("sbi_tape_eval", c_int32, c_void_p, POINTER(c_double), POINTER(c_double), POINTER(c_double))
_declare("sbi_tape_hvp", c_int32, c_void_p, POINTER(c_double), POINTER(c_double), c_size_t, POINTER(c_double))
_declare("sbi_tape_hessian", c_int32, c_void_p, POINTER(c_double), POINTER(c_double), POINTER(c_double), POINTER(c_double))
_declare("sbi_tape_hessian_rows", c_int32, c_void_p, POINTER(c_double), c_size_t, c_size_t, POINTER(c_double))
_declare("sbi_tape_last_info", c_int32, c_void_p, POINTER(TapeInfo))
_declare("sbi_tape_print", c_int32, c_void_p, POINTER(c_void_p))
_declare("sbi_tape_print_graph", c_int32, c_void_p, POINTER(c_void_p))
_declare("sbi_tape_print_free", None, c_void_p, c_void_p)
_declare("sbi_toy_options_init", None, POINTER(ToyOptions))
_declare("sbi_toy_generator_create", c_int32, POINTER(c_void_p), c_void_p, POINTER(c_double), POINTER(ToyOptions))
_declare("sbi_toy_generator_destroy", None, c_void_p)
_declare("sbi_toy_generate", c_int32, POINTER(c_void_p), c_void_p, c_int64)
_declare("sbi_toys_options_init", None, POINTER(ToysOptions))
_declare("sbi_toys_run", c_int32, POINTER(c_void_p), c_void_p, POINTER(c_double), POINTER(ToysOptions), c_void_p)
_declare("sbi_toys_destroy", None, c_void_p)
_declare("sbi_toys_count", c_size_t, c_void_p)
_declare("sbi_toys_n_failed", c_size_t, c_void_p)
_declare("sbi_toys_n_columns", c_size_t, c_void_p)
_declare("sbi_toys_column_name", c_char_p, c_void_p, c_size_t)
_declare("sbi_toys_values", POINTER(c_double), c_void_p)
_declare("sbi_toys_column", c_int32, c_void_p, c_char_p, POINTER(c_double))
_declare("sbi_toys_number", c_int64, c_void_p, c_size_t)
_declare("sbi_toys_status", c_int32, c_void_p, c_size_t)
_declare("sbi_toys_message", c_char_p, c_void_p, c_size_t)
_declare("sbi_toys_concatenate", c_int32, POINTER(c_void_p), c_void_p, c_void_p)
_declare("sbi_toys_write_npy", c_int32, c_void_p, c_char_p)
_declare("sbi_toys_write_json", c_int32, c_void_p, c_char_p)
_declare("sbi_toys_read_json", c_int32, POINTER(c_void_p), c_void_p, c_char_p)
_declare("sbi_toys_p_value", c_int32, c_void_p, c_char_p, c_double, POINTER(c_double), POINTER(c_double))
_declare("sbi_toys_quantile", c_int32, c_void_p, c_char_p, c_double, POINTER(c_double), POINTER(c_double))
_declare("sbi_toys_cls", c_int32, c_void_p, c_char_p, c_void_p, c_char_p, c_double, POINTER(c_double), POINTER(c_double))
_declare("sbi_train_options_init", None, POINTER(TrainOptions))
_declare("sbi_network_train", c_int32, POINTER(c_void_p), c_void_p, POINTER(TrainOptions))
_declare("sbi_ensemble_train", c_int32, POINTER(c_void_p), c_void_p, POINTER(TrainOptions), c_void_p)
_declare("sbi_variation_init", None, POINTER(Variation))
_declare("sbi_variations_create", c_int32, POINTER(c_void_p), c_void_p)
_declare("sbi_variations_destroy", None, c_void_p)
_declare("sbi_variations_train", c_int32, POINTER(c_void_p), c_void_p, POINTER(Variation), c_size_t, POINTER(TrainOptions), c_void_p)
_declare("sbi_variations_add", c_int32, c_void_p, c_char_p, c_char_p, c_void_p, c_void_p, c_double, c_double)
_declare("sbi_variations_add_parameterised", c_int32, c_void_p, c_char_p, POINTER(c_char_p), c_size_t, c_void_p, POINTER(c_double), POINTER(c_double))
_declare("sbi_variations_count", c_size_t, c_void_p)
_declare("sbi_variations_get", c_int32, c_void_p, c_size_t, c_int32, POINTER(c_void_p), POINTER(c_char_p), POINTER(c_char_p), POINTER(c_double))
_declare("sbi_variations_output_init", None, POINTER(VariationsOutput))
_declare("sbi_variations_write", c_int32, c_void_p, POINTER(VariationsOutput), c_void_p)
_declare("sbi_version_string", c_char_p)
_declare("sbi_abi_version", c_int32)
_declare("sbi_build_info", c_char_p)
