// Probe is labctl's view from outside: it runs in one grader-owned container a session, with the
// host's PID namespace, and answers questions about the machines from the kernel itself.
package main

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func init() {
	// The main thread stays what it is: other threads enter namespaces and are thrown away.
	runtime.LockOSThread()
}

func main() {
	command := ""
	if len(os.Args) > 1 {
		command = os.Args[1]
	}
	switch command {
	case "idle":
		if err := serveWatches(); err != nil {
			fmt.Fprintln(os.Stderr, "probe:", err)
			os.Exit(1)
		}
		idle()
	case "serve":
		known := operations
		if len(os.Args) == 4 && os.Args[2] == "--within" {
			known = parseBounds(os.Args[3]).limit(operations)
		} else if len(os.Args) > 2 {
			misused()
		}
		serve(os.Stdin, os.Stdout, known)
	case "enter":
		enter(os.Args[2:])
	case "listen":
		if err := listen(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "probe:", err)
			os.Exit(1)
		}
	default:
		misused()
	}
}

func misused() {
	fmt.Fprintln(os.Stderr, "usage: probe idle | serve [--within PID,...] | listen [--tcp PORT...] [--udp PORT...]")
	os.Exit(2)
}

// idle keeps the container alive until it is told to end.
func idle() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
}
