// vmm is what a virtual machine's container runs: QEMU, and the ways into the guest.
//
//	vmm run [-memory MIB] [-cpus N] [-port N]... [-network]   start QEMU; the container's program
//	vmm exec [-stdin] [-env NAME=VALUE]... -- CMD [ARG]...    run a command in the guest
//	vmm console                                               the guest's serial console
//	vmm VERB [ARG]...                                         anything else, as in operate.go
//
// All but run end with 125 when QEMU or the guest cannot be reached, as `docker exec` does.
//
// Under the name `vm` it is the operator's: `vm VERB MACHINE [ARG]...` is done by the vmm of
// another container, whose socket is in /control. See operator.go.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Where the container keeps what belongs to its one guest.
const (
	overlay = "/vm/disk.qcow2"
	agent   = "/vm/agent.sock"
	monitor = "/vm/monitor.sock"
	witness = "/vm/witness.sock"
	events  = "/vm/events.jsonl"
	serial  = "/vm/console.sock"
	history = "/vm/console.log"
)

const unreachable = 125

type list []string

func (l *list) String() string { return strings.Join(*l, " ") }

func (l *list) Set(value string) error {
	*l = append(*l, value)
	return nil
}

func main() {
	if filepath.Base(os.Args[0]) == "vm" {
		os.Exit(operator(os.Args[1:]))
	}
	if len(os.Args) < 2 {
		fail("say what to do: run, exec, console, " + verbs())
	}
	flags := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	switch os.Args[1] {
	case "run":
		var m machine
		flags.IntVar(&m.memory, "memory", 128, "the guest's memory, in MiB")
		flags.IntVar(&m.cpus, "cpus", 1, "how many processors the guest has")
		flags.BoolVar(&m.network, "network", false, "whether the guest has a network")
		flags.Var(&m.ports, "port", "a port of the guest that the container shows")
		_ = flags.Parse(os.Args[2:])
		fail(m.run())
	case "exec":
		var c command
		withInput := flags.Bool("stdin", false, "pass on standard input, once it has ended")
		flags.Var(&c.env, "env", "a variable for the command")
		_ = flags.Parse(os.Args[2:])
		if c.argv = flags.Args(); len(c.argv) == 0 {
			fail("say which command")
		}
		if *withInput {
			var err error
			if c.stdin, err = io.ReadAll(os.Stdin); err != nil {
				fail(err)
			}
		}
		os.Exit(finish(c.run(context.Background())))
	case "console":
		if err := console(); err != nil {
			fail(err)
		}
	default:
		name, err := os.Hostname()
		if err != nil {
			fail(err)
		}
		os.Exit(finish(request(name, question{Words: os.Args[1:]})))
	}
}

// finish writes what was answered, and gives the exit status.
func finish(told answer, err error) int {
	if err != nil {
		fail(err)
	}
	_, _ = io.Copy(os.Stdout, bytes.NewReader(told.Out))
	_, _ = io.Copy(os.Stderr, bytes.NewReader(told.Err))
	return told.Status
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, filepath.Base(os.Args[0])+":", why)
	os.Exit(unreachable)
}
