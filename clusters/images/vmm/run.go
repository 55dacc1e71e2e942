package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// What the image has of the guest, and what the kernel is told: TCG's clocks need no second look.
const (
	kernel = "/guest/vmlinux"
	base   = "/guest/disk.qcow2"
	line   = "root=/dev/nvme0n1 ro quiet console=ttyS0 tsc=reliable no_timer_check"
)

// machine is what the guest sees of its computer.
type machine struct {
	memory, cpus int
	network      bool
	ports        list
}

// arguments are QEMU's. Nothing is there that the guest does not need: no display, no default
// devices. The disk is NVMe, which Debian's kernels need no module for; QEMU starts their
// uncompressed kernel without firmware. The translation cache of TCG has a cap, or it would
// take a gigabyte.
func (m machine) arguments(name string) []string {
	args := []string{
		"qemu-system-x86_64",
		"-machine", "q35,usb=off", "-accel", "tcg,thread=multi,tb-size=96", "-cpu", "qemu64",
		"-m", fmt.Sprint(m.memory), "-smp", fmt.Sprint(m.cpus),
		"-nodefaults", "-no-user-config", "-display", "none",
		"-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
		"-kernel", kernel,
		"-append", line + " guest_name=" + name,
		"-drive", "if=none,id=disk,discard=unmap,file=" + overlay,
		"-device", "nvme,drive=disk,serial=disk",
		"-chardev", "socket,id=serial,server=on,wait=off,path=" + serial + ",logfile=" + history,
		"-serial", "chardev:serial",
		"-device", "virtio-serial",
		"-chardev", "socket,id=agent,server=on,wait=off,path=" + agent,
		"-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0",
		"-device", "virtio-rng-pci",
		"-qmp", "unix:" + monitor + ",server=on,wait=off",
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

// run makes the guest's own disk, unless it is there, and becomes QEMU's parent: what the guest
// writes to its console is the container's log.
func (m machine) run() error {
	if _, err := os.Stat(overlay); err != nil {
		made := exec.Command("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", overlay)
		if out, err := made.CombinedOutput(); err != nil {
			return fmt.Errorf("the disk cannot be made: %s", out)
		}
	}
	log, err := os.OpenFile(history, os.O_CREATE|os.O_TRUNC|os.O_RDONLY, 0o600)
	if err != nil {
		return err
	}
	name, err := os.Hostname()
	if err != nil {
		return err
	}
	argv := m.arguments(name)
	qemu := exec.Command(argv[0], argv[1:]...)
	qemu.Stderr = os.Stderr
	qemu.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := qemu.Start(); err != nil {
		return err
	}
	go func() {
		for {
			_, _ = io.Copy(os.Stdout, log)
			time.Sleep(100 * time.Millisecond)
		}
	}()
	if err := qemu.Wait(); err != nil {
		return fmt.Errorf("%s: %w", strings.Join(argv, " "), err)
	}
	os.Exit(0)
	return nil
}
