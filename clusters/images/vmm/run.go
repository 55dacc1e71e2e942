package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// What the image has of the guest.
const (
	kernel = "/guest/vmlinux"
	first  = "/guest/initrd"
	base   = "/guest/disk.qcow2"
)

// computer is what differs between processors: a guest has the one that its host has.
type computer struct{ program, machine, cpu, serial, kernel string }

// For x86, TCG's clocks need no second look. (What is here for ARM has not been tried on one.)
var computers = map[string]computer{
	"amd64": {"qemu-system-x86_64", "q35,usb=off", "qemu64", "ttyS0", "tsc=reliable no_timer_check"},
	"arm64": {"qemu-system-aarch64", "virt", "cortex-a72", "ttyAMA0", ""},
}

var here = computers[runtime.GOARCH]

// machine is what the guest sees of its computer.
type machine struct {
	memory, cpus int
	network      bool
	ports        list
}

// arguments are QEMU's. Nothing is there that the guest does not need: no display, no default
// devices. On x86 QEMU starts an uncompressed kernel, which spares the guest to unpack it. The
// translation cache of TCG has a cap, or it would take a gigabyte.
func (m machine) arguments(name string) []string {
	args := []string{
		here.program,
		"-machine", here.machine, "-accel", "tcg,thread=multi,tb-size=96", "-cpu", here.cpu,
		"-m", fmt.Sprint(m.memory), "-smp", fmt.Sprint(m.cpus),
		"-nodefaults", "-no-user-config", "-display", "none",
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-kernel", kernel,
		"-initrd", first,
		"-append", "quiet console=" + here.serial + " guest_name=" + name +
			" " + here.kernel,
		"-blockdev", "qcow2,node-name=disk,discard=unmap,file.driver=file,file.filename=" + overlay,
		"-device", "virtio-blk-pci,drive=disk",
		"-chardev", "socket,id=serial,server=on,wait=off,path=" + serial + ",logfile=" + history + ",logappend=on",
		"-serial", "chardev:serial",
		"-device", "virtio-serial",
		"-chardev", "socket,id=agent,server=on,wait=off,path=" + agent,
		"-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
		"-device", "virtio-rng-pci",
		"-qmp", "unix:" + monitor + ",server=on,wait=off",
		"-qmp", "unix:" + witness + ",server=on,wait=off",
	}
	for _, medium := range media() {
		name := strings.TrimSuffix(filepath.Base(medium), ".img")
		args = append(args,
			"-blockdev", "raw,node-name=medium-"+name+",read-only=on,file.driver=file,file.filename="+medium,
			"-device", "virtio-blk-pci,drive=medium-"+name+",serial="+name)
	}
	if !m.network {
		return append(args, "-nic", "none")
	}
	forward := ""
	for _, port := range m.ports {
		forward += fmt.Sprintf(",hostfwd=tcp::%s-:%s", port, port)
	}
	return append(args, "-netdev", "user,id=net"+forward, "-device", "virtio-net-pci,netdev=net,romfile=")
}

// media are the read-only disks that the image has beside the guest's own: file systems that the
// guest finds under /media.
func media() []string {
	found, _ := filepath.Glob("/guest/media/*.img")
	return found
}

// most is how much of a console is kept, and how much of it is told as the container's log, in
// bytes: a guest may write without end.
const most = 4 << 20

// tell copies the console to the container's log, as it grows.
func tell(console *os.File) {
	var told, at int64
	for {
		to := io.Writer(os.Stdout)
		if told > most {
			to = io.Discard
		}
		n, _ := io.Copy(to, console)
		told, at = told+n, at+n
		if at > most && console.Truncate(0) == nil {
			at, _ = console.Seek(0, io.SeekStart)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

// run is the container's program: the guest's host. It goes on while the guest is switched off, and
// ends when QEMU fails. What the guest writes to its console is the container's log.
func (m machine) run() error {
	console, err := os.OpenFile(history, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	go tell(console)
	log, err := openLog()
	if err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	g := &guest{name: name, machine: m, log: log, broken: make(chan error)}
	if !there(removed) {
		if err := g.start(); err != nil {
			return err
		}
	}
	if err := (&control{g}).listen(name); err != nil {
		return err
	}
	return <-g.broken
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
