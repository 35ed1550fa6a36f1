#ifndef STELE_TESTS_EVENTSTORE_CONSUMER_SUITE_H_
#define STELE_TESTS_EVENTSTORE_CONSUMER_SUITE_H_

// What a Consumer promises, over any kind of store. Defines tests: part of a
// program only once.
#include "consumer_course_suite.h"
#include "consumer_failures_suite.h"
#include "consumer_fixture.h"
#include "consumer_operators_suite.h"
#include "consumer_owners_suite.h"

#endif  // STELE_TESTS_EVENTSTORE_CONSUMER_SUITE_H_
