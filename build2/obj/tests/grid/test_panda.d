build2/obj/tests/grid/test_panda.o: tests/grid/test_panda.c \
 lib/base/text.h include/sbi/context.h include/sbi/status.h \
 include/sbi/version.h tests/contract/executor_conformance.h \
 include/sbi/executor.h include/sbi/context.h \
 tests/contract/temporary_folder.h lib/grid/panda_calls.h \
 lib/grid/panda_api.h lib/grid/config.h lib/grid/http.h \
 include/sbi/store.h include/sbi/executor.h lib/io/json.h \
 lib/grid/panda_answers.h lib/grid/panda_auth.h \
 tests/grid/panda_standin.h tests/grid/servers.h include/sbi/sbi.h \
 include/sbi/array.h include/sbi/calibration.h include/sbi/dataset.h \
 include/sbi/network.h include/sbi/campaign.h include/sbi/columns.h \
 include/sbi/ratio.h include/sbi/distribution.h include/sbi/model.h \
 include/sbi/tape.h include/sbi/fit.h include/sbi/interval.h \
 include/sbi/job.h include/sbi/store.h include/sbi/limit.h \
 include/sbi/toy.h include/sbi/neyman.h include/sbi/objective.h \
 include/sbi/onnx.h include/sbi/search.h include/sbi/train.h \
 include/sbi/shard.h include/sbi/systematics.h include/sbi/variation.h \
 tests/support/run_suite.h tests/support/staging_executor.h \
 lib/base/error.h include/sbi/status.h
lib/base/text.h:
include/sbi/context.h:
include/sbi/status.h:
include/sbi/version.h:
tests/contract/executor_conformance.h:
include/sbi/executor.h:
include/sbi/context.h:
tests/contract/temporary_folder.h:
lib/grid/panda_calls.h:
lib/grid/panda_api.h:
lib/grid/config.h:
lib/grid/http.h:
include/sbi/store.h:
include/sbi/executor.h:
lib/io/json.h:
lib/grid/panda_answers.h:
lib/grid/panda_auth.h:
tests/grid/panda_standin.h:
tests/grid/servers.h:
include/sbi/sbi.h:
include/sbi/array.h:
include/sbi/calibration.h:
include/sbi/dataset.h:
include/sbi/network.h:
include/sbi/campaign.h:
include/sbi/columns.h:
include/sbi/ratio.h:
include/sbi/distribution.h:
include/sbi/model.h:
include/sbi/tape.h:
include/sbi/fit.h:
include/sbi/interval.h:
include/sbi/job.h:
include/sbi/store.h:
include/sbi/limit.h:
include/sbi/toy.h:
include/sbi/neyman.h:
include/sbi/objective.h:
include/sbi/onnx.h:
include/sbi/search.h:
include/sbi/train.h:
include/sbi/shard.h:
include/sbi/systematics.h:
include/sbi/variation.h:
tests/support/run_suite.h:
tests/support/staging_executor.h:
lib/base/error.h:
include/sbi/status.h:
