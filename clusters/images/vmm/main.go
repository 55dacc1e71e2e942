// vmm is what a virtual machine's container runs: QEMU, and the ways into the guest.
//
//	vmm run [-memory MIB] [-cpus N] [-port N]... [-network]   start QEMU; the container's program
//	vmm exec [-stdin] [-env NAME=VALUE]... -- CMD [ARG]...    run a command in the guest
//	vmm console                                               the guest's serial console
//	vmm snapshot save|revert|delete NAME                      of memory and disk
//	vmm snapshot list                                         as JSON
//	vmm power reset|off                                       pull the plug, or press the button
//	vmm events                                                what QEMU told so far, as JSON lines
//
// All but run end with 125 when QEMU or the guest cannot be reached, as `docker exec` does.
package main

import (
	"flag"
	"fmt"
	"os"
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
	if len(os.Args) < 2 {
		fail("say what to do: run, exec, console")
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
		flags.BoolVar(&c.stdin, "stdin", false, "pass on standard input, once it has ended")
		flags.Var(&c.env, "env", "a variable for the command")
		_ = flags.Parse(os.Args[2:])
		if c.argv = flags.Args(); len(c.argv) == 0 {
			fail("say which command")
		}
		status, err := c.run()
		if err != nil {
			fail(err)
		}
		os.Exit(status)
	case "console":
		if err := console(); err != nil {
			fail(err)
		}
	case "snapshot":
		if err := snapshot(os.Args[2:]); err != nil {
			fail(err)
		}
	case "power":
		if err := power(os.Args[2:]); err != nil {
			fail(err)
		}
	case "events":
		data, err := os.ReadFile(events)
		if err != nil {
			fail(err)
		}
		_, _ = os.Stdout.Write(data)
	default:
		fail("there is only: run, exec, console, snapshot, power, events")
	}
}

func fail(why any) {
	fmt.Fprintln(os.Stderr, "vmm:", why)
	os.Exit(unreachable)
}
