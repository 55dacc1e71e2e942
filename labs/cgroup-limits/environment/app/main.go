// The services of this lab, and the two tools with which the learner looks at them.
//
//	hog       the noisy neighbour: makes noise when it is asked to, for a while
//	victim    the service that the noise hurts
//	customer  stands outside of the machine: takes the hog's uploads, times the victim
//	latency   shows what the customer measures, once a second
//	noise     asks the hog for noise
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

var programs = map[string]func(args []string) error{
	"hog":      hog,
	"victim":   victim,
	"worker":   worker,
	"customer": customer,
	"latency":  latency,
	"noise":    noise,
}

func main() {
	// The tools are links to this program, so its name may be the command.
	name, args := filepath.Base(os.Args[0]), os.Args[1:]
	if _, known := programs[name]; !known && len(args) > 0 {
		name, args = args[0], args[1:]
	}
	run, known := programs[name]
	if !known {
		fmt.Fprintln(os.Stderr, "usage: app hog|victim|customer|latency|noise")
		os.Exit(2)
	}
	if err := run(args); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", name, err)
		os.Exit(1)
	}
}

// resources are what is fought about, in the order in which they are shown.
var resources = []string{"cpu", "memory", "disk", "processes", "network"}

func env(name, other string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return other
}
