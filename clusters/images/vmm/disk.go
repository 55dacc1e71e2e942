package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

const (
	copied = "/vm/copy.qcow2"
	bare   = "/vm/copy.raw"
	// How long the guest may take to write down what it has in memory, if it answers at all.
	flushing = 5 * time.Second
	// How much of a file is told, in bytes.
	largest = 1 << 20
)

// file is what is at a path of a guest's disk. Anything but a plain file has no content.
type file struct {
	Kind    string `json:"kind"` // as debugfs calls it: "regular", "directory", ...; "" for nothing
	Content []byte `json:"content"`
	Size    int64  `json:"size"`
}

// read gives files of the guest's disk as they are now, or were in a snapshot, by the host's
// programs: the guest is asked nothing, but to write down what it still has in memory.
func (g *guest) read(words []string) (any, error) {
	snapshot := ""
	if len(words) > 1 && words[0] == "-snapshot" {
		snapshot, words = words[1], words[2:]
	}
	if len(words) == 0 {
		return nil, errors.New("say which files")
	}
	for _, path := range words {
		if !strings.HasPrefix(path, "/") || strings.ContainsAny(path, "\"\\\n") {
			return nil, fmt.Errorf("%q is no path from the root on", path)
		}
	}
	defer os.Remove(bare)
	if err := g.image(snapshot); err != nil {
		return nil, err
	}
	// What the guest has written may still be in the journal alone. e2fsck ends with 1 for "done".
	_ = exec.Command("e2fsck", "-y", "-E", "journal_only", bare).Run()
	found := map[string]file{}
	for _, path := range words {
		one, err := look(path)
		if err != nil {
			return nil, err
		}
		found[path] = one
	}
	return found, nil
}

// image makes `bare`, a plain image of the disk of this moment or of a snapshot.
func (g *guest) image(snapshot string) error {
	if there(removed) {
		return errors.New("its disk was deleted")
	}
	if snapshot != "" {
		if !plain.MatchString(snapshot) {
			return fmt.Errorf("there is no snapshot %q", snapshot)
		}
		return run("qemu-img", "convert", "-U", "-l", "snapshot.name="+snapshot, "-O", "raw", overlay, bare)
	}
	if there(off) {
		return run("qemu-img", "convert", "-O", "raw", overlay, bare)
	}
	flush()
	defer os.Remove(copied)
	if err := run("qemu-img", "create", "-q", "-f", "qcow2", "-b", base, "-F", "qcow2", copied); err != nil {
		return err
	}
	// QEMU has parts of the disk's own tables in memory, so it makes the copy: of one moment, while
	// the guest goes on.
	err := g.monitor(func(q *qmp) error {
		opened := map[string]any{
			"driver": "qcow2", "node-name": "copy",
			"file": map[string]any{"driver": "file", "filename": copied},
		}
		if err := q.do("blockdev-add", opened, nil); err != nil {
			return err
		}
		what := map[string]any{
			"job-id": "copy", "device": "disk", "target": "copy", "sync": "top", "auto-dismiss": false,
		}
		err := q.job("blockdev-backup", what, "copy")
		return errors.Join(err, q.do("blockdev-del", map[string]any{"node-name": "copy"}, nil))
	})
	if err != nil {
		return err
	}
	return run("qemu-img", "convert", "-O", "raw", copied, bare)
}

// flush has the guest write down what it has in memory only. One that does not is the loser: it has
// an older disk.
func flush() {
	ctx, cancel := context.WithTimeout(context.Background(), flushing)
	defer cancel()
	_, _ = command{argv: []string{"sync"}}.run(ctx)
}

// look finds one path in the image. debugfs tells errors in words only.
func look(path string) (file, error) {
	told, err := exec.Command("debugfs", "-R", `stat "`+path+`"`, bare).Output()
	if err != nil {
		return file{}, fmt.Errorf("the disk cannot be read: %w", err)
	}
	var one file
	for _, line := range strings.Split(string(told), "\n") {
		for i, words := 0, strings.Fields(line); i+1 < len(words); i++ {
			switch words[i] {
			case "Type:":
				one.Kind = words[i+1]
			case "Size:":
				if one.Size == 0 {
					_, _ = fmt.Sscan(words[i+1], &one.Size)
				}
			}
		}
	}
	if one.Kind != "regular" {
		return one, nil
	}
	if one.Size > largest {
		return one, fmt.Errorf("%s has more than %d bytes", path, largest)
	}
	one.Content, err = exec.Command("debugfs", "-R", `cat "`+path+`"`, bare).Output()
	return one, err
}

func run(argv ...string) error {
	if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %s", argv[0], strings.TrimSpace(string(out)))
	}
	return nil
}
