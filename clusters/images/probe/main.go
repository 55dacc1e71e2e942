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
		idle()
	case "serve":
		serve(os.Stdin, os.Stdout)
	case "enter":
		enter(os.Args[2:])
	case "listen":
		if err := listen(os.Args[2:]); err != nil {
			fmt.Fprintln(os.Stderr, "probe:", err)
			os.Exit(1)
		}
	default:
		fmt.Fprintln(os.Stderr, "usage: probe idle | serve | listen [--tcp PORT...] [--udp PORT...]")
		os.Exit(2)
	}
}

// idle keeps the container alive until it is told to end.
func idle() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
}
