#ifndef STELE_SANDBOX_SRC_POSTGRES_CLUSTER_H_
#define STELE_SANDBOX_SRC_POSTGRES_CLUSTER_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "stele/sandbox/private_folder.h"
#include "stele/sandbox/user.h"

namespace stele::sandbox {

// Where `initdb` and `postgres` of the newest installed server are.
//
// Errors: kNotFound with a message that says what to install.
absl::StatusOr<std::string> FindPostgresPrograms();

// Makes a fresh cluster in "<folder>/data", owned by `user`, whose superuser
// `stele` is trusted on unix sockets and needs a password on TCP. Returns that
// password.
//
// The first cluster of a user and an installed version is also packed into a
// file of the temporary folder, from which the next ones are unpacked: 30 ms
// instead of half a second. The file is used only if it belongs to this user
// and nobody else may read it.
absl::StatusOr<std::string> MakeCluster(const std::string& programs_folder,
                                        const PrivateFolder& folder,
                                        const User& user);

}  // namespace stele::sandbox

#endif  // STELE_SANDBOX_SRC_POSTGRES_CLUSTER_H_
