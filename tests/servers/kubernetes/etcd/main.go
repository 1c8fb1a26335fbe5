// SPDX-License-Identifier: Apache-2.0

// Command etcd is etcd, built from its module: the proxy has no program of that name in a module of its own.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() {
	etcdmain.Main(os.Args)
}
