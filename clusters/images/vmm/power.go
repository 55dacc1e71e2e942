package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// What is there as long as it is so, also when the container was started anew.
const (
	pulled  = "/vm/pulled"  // the network cable is out
	off     = "/vm/off"     // the guest is switched off
	removed = "/vm/removed" // its disk was deleted
)

var errOff = errors.New("it is switched off")

// start switches the guest on. Its disk is made the first time.
func (g *guest) start() error {
	if !there(overlay) {
		if err := run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay); err != nil {
			return err
		}
	}
	argv := g.machine.arguments(g.name)
	qemu := exec.Command(argv[0], argv[1:]...)
	qemu.Stderr = os.Stderr
	// What a thread has started dies with it; Go ends threads only with goroutines locked to them.
	qemu.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := qemu.Start(); err != nil {
		return err
	}
	_ = os.Remove(off)
	ended := make(chan struct{})
	g.qemu = ended
	go func() {
		err := qemu.Wait()
		_ = os.WriteFile(off, nil, 0o600)
		g.log.note("OFF", nil, time.Now())
		close(ended)
		if err != nil {
			g.broken <- fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
		}
	}()
	go g.log.record(ended)
	if g.machine.network && there(pulled) {
		return g.monitor(func(q *qmp) error { return q.link() })
	}
	return nil
}

// monitor does something with QEMU's monitor, which is there a moment after QEMU.
func (g *guest) monitor(do func(*qmp) error) error {
	for {
		q, err := dial(monitor)
		if err == nil {
			defer q.connection.Close()
			return do(q)
		}
		if there(off) {
			return errOff
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// power does what a hand at the computer could do.
func (g *guest) power(words []string) (any, error) {
	if len(words) != 1 {
		words = []string{""}
	}
	switch words[0] {
	case "on":
		if there(removed) {
			return nil, errors.New("it was removed: there is no disk to start from")
		}
		if !there(off) {
			return nil, errors.New("it is on")
		}
		return nil, g.start()
	case "reset":
		return nil, g.monitor(func(q *qmp) error { return q.do("system_reset", nil, nil) })
	case "off":
		if err := g.monitor(func(q *qmp) error { return q.do("quit", nil, nil) }); err != nil {
			return nil, err
		}
		<-g.qemu
		return nil, nil
	}
	return nil, errors.New("say on, off or reset")
}

// remove takes the guest out of service for good.
func (g *guest) remove([]string) (any, error) {
	if there(removed) {
		return nil, errors.New("it was removed before")
	}
	if !there(off) {
		if _, err := g.power([]string{"off"}); err != nil {
			return nil, err
		}
	}
	if err := os.WriteFile(removed, nil, 0o600); err != nil {
		return nil, err
	}
	if err := os.Remove(overlay); err != nil {
		return nil, err
	}
	g.log.note("REMOVED", nil, time.Now())
	return nil, nil
}

// link pulls the network cable or plugs it in: the guest sees it, and cannot change it.
func (g *guest) link(words []string) (any, error) {
	if len(words) != 1 || (words[0] != "on" && words[0] != "off") {
		return nil, errors.New("say on or off")
	}
	if !g.machine.network {
		return nil, errors.New("it has no network")
	}
	if words[0] == "on" {
		_ = os.Remove(pulled)
	} else if err := os.WriteFile(pulled, nil, 0o600); err != nil {
		return nil, err
	}
	if !there(off) {
		if err := g.monitor(func(q *qmp) error { return q.link() }); err != nil {
			return nil, err
		}
	}
	g.log.note("NETWORK", map[string]any{"link": words[0]}, time.Now())
	return nil, nil
}

// link has the cable be as it was left. A snapshot that is loaded has its own idea of that.
func (q *qmp) link() error {
	return q.do("set_link", map[string]any{"name": "net", "up": !there(pulled)}, nil)
}

// condition is what can be said of a guest without looking into it.
type condition struct {
	Power   string `json:"power"`
	Network string `json:"network"`
	Disk    string `json:"disk"`
}

func (g *guest) state([]string) (any, error) {
	told := condition{"on", "on", "there"}
	if there(off) || there(removed) {
		told.Power = "off"
	}
	if there(pulled) {
		told.Network = "off"
	}
	if !g.machine.network {
		told.Network = "none"
	}
	if !there(overlay) {
		told.Disk = "deleted"
	}
	return told, nil
}
