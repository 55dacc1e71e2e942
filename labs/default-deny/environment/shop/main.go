// Shop is a small shop in pieces, one role a pod: web asks api, api asks db, payments and parcels.
// collector and report stand beside it, and get is for whoever has got into a pod.
package main

import (
	"fmt"
	"net/http"
	"os"
	"sync/atomic"
)

const metricsPort = ":9090"

var roles = map[string]func() error{
	"web":       web,
	"api":       api,
	"db":        db,
	"payments":  desk,
	"parcels":   desk,
	"collector": collector,
	"report":    report,
}

// served counts what a role has done, for its metrics.
var served atomic.Int64

func main() {
	if len(os.Args) == 3 && os.Args[1] == "get" {
		exit(get(os.Args[2]))
	}
	if len(os.Args) != 2 || roles[os.Args[1]] == nil {
		exit(fmt.Errorf("usage: shop ROLE | shop get http://HOST:PORT | shop get tcp://HOST:PORT"))
	}
	go metrics(os.Args[1])
	exit(roles[os.Args[1]]())
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "shop:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func metrics(role string) {
	exit(http.ListenAndServe(metricsPort, http.HandlerFunc(
		func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprintf(w, "shop_up{role=%q} 1\nshop_served_total{role=%q} %d\n", role, role, served.Load())
		})))
}

func serve(handler http.HandlerFunc) error {
	return http.ListenAndServe(os.Getenv("LISTEN"), handler)
}
