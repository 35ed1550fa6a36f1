#ifndef STELE_TESTS_OUTBOX_INBOX_SUITE_H_
#define STELE_TESTS_OUTBOX_INBOX_SUITE_H_

// The claims of stele/outbox/inbox.h, for any store. Include it in one source
// of a test program and instantiate InboxTest with makers of stores.
#include "tests/outbox/inbox_course_suite.h"
#include "tests/outbox/inbox_parking_suite.h"

#endif  // STELE_TESTS_OUTBOX_INBOX_SUITE_H_
