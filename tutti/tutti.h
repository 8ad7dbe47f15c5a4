// Everything a program needs.
#pragma once

#include "tutti/base/display.h"
#include "tutti/base/error.h"
#include "tutti/data/augment.h"
#include "tutti/data/datasets.h"
#include "tutti/engines/engines.h"
#include "tutti/ensemble/ensemble.h"
#include "tutti/ensemble/statistics.h"
#include "tutti/nn/callbacks.h"
#include "tutti/nn/confusion_matrix.h"
#include "tutti/nn/layers.h"
#include "tutti/nn/model.h"
#include "tutti/notebook/show.h"
