/* SPDX-License-Identifier: Apache-2.0 */
/* Made by tests/reference/cabinetry_impacts.py with pyhf 0.7.6, cabinetry 0.6.0. */
#ifndef TESTS_REFERENCE_CABINETRY_IMPACTS_H
#define TESTS_REFERENCE_CABINETRY_IMPACTS_H

#include <math.h>

/* value, error, width before the fit; change of the parameter of interest: held at -+ width, held at -+ error, auxiliary
 * datum -+ its standard deviation. */
static const struct reference_impact {
    const char *workspace, *parameter;
    double numbers[9];
} reference_impacts[] = {
    {"25_staterror_each_channel", "mu", {0.870994309, 0.735406036, 0.0, NAN, NAN, NAN, NAN, NAN, NAN}},
    {"25_staterror_each_channel", "mc_CR[0]", {0.991653977, 0.0344760045, 0.0383306383, -2.94229482e-05, -2.94233685e-05, -2.94297018e-05, -2.94299473e-05, -3.46536686e-05, 0.000324419377}},
    {"25_staterror_each_channel", "mc_SR[0]", {0.99613314, 0.0566074851, 0.06, 0.152232882, -0.138384427, 0.143074134, -0.130879573, 0.134169056, -0.124138005}},
    {"25_staterror_each_channel", "mc_SR[1]", {1.00086769, 0.0381996994, 0.0384615385, 0.168639978, -0.166931515, 0.167448806, -0.165799799, 0.16564875, -0.164634088}},
    {"27_shapesys_two_samples", "mu", {1.09948087, 1.05978991, 0.0, NAN, NAN, NAN, NAN, NAN, NAN}},
    {"27_shapesys_two_samples", "uB[0]", {1.01008006, 0.0927135561, 0.1, 0.28722153, -0.272143248, 0.265767699, -0.252859368, 0.24625929, -0.230961666}},
    {"27_shapesys_two_samples", "uB[1]", {0.992780634, 0.111001019, 0.115384615, 0.515662029, -0.511932143, 0.496001445, -0.49257255, 0.484035213, -0.474339802}},
    {"27_shapesys_two_samples", "uC[0]", {1.0051592, 0.0836962936, 0.0857142857, 0.151569433, -0.148013054, 0.147958547, -0.14458067, 0.144292373, -0.139992548}},
    {"27_shapesys_two_samples", "uC[1]", {0.989476472, 0.218635849, 0.225, 0.375682687, -0.373698719, 0.365027626, -0.363164066, 0.361679252, -0.354674858}},
    {"18_lumi", "lumi", {0.999885198, 0.0168856165, 0.017, 0.186434605, -0.179601778, 0.185157529, -0.178418022, 0.185650883, -0.179248712}},
    {"18_lumi", "mu", {1.23200993, 0.932623164, 0.0, NAN, NAN, NAN, NAN, NAN, NAN}},
    {"33_uncorrelated_background", "mu", {0.834413087, 0.891585489, 0.0, NAN, NAN, NAN, NAN, NAN, NAN}},
    {"33_uncorrelated_background", "uncorr_bkguncrt[0]", {0.996686443, 0.0568940678, 0.06, 0.218449732, -0.208701728, 0.207617027, -0.198160969, 0.19729276, -0.188070087}},
    {"33_uncorrelated_background", "uncorr_bkguncrt[1]", {1.00930645, 0.125478872, 0.134615385, 0.592388137, -0.577353651, 0.551708418, -0.538799816, 0.519963341, -0.488447474}},
};

#endif
