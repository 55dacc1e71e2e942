package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const maxRead = 32 << 20

type fileArgs struct {
	target
	Path string `json:"path"`
	Max  int    `json:"max"` // bytes, or entries of a folder
}

type fileStat struct {
	Kind  string  `json:"kind"` // file, folder, link, fifo, socket, device
	Mode  uint32  `json:"mode"` // permission bits, setuid, setgid and sticky
	UID   uint32  `json:"uid"`
	GID   uint32  `json:"gid"`
	Size  int64   `json:"size"`
	Mtime float64 `json:"mtime"`
	Inode uint64  `json:"inode"`
	Dev   uint64  `json:"dev"`
	Links uint64  `json:"links"`
}

// fileReply: `reason` is "" when the file was there and of the right kind, else
// missing, link, kind, large or denied.
type fileReply struct {
	Reason  string    `json:"reason"`
	Stat    *fileStat `json:"stat"`
	Content []byte    `json:"content,omitempty"`
	Target  string    `json:"target,omitempty"` // where a link points
}

// open finds a path below the target's root without following a link anywhere, and without
// opening what it finds: a device or a pipe is only looked at. What is below /proc is the kernel's
// own, whatever the machine has mounted over it.
func (a fileArgs) open() (int, *fileReply, error) {
	if !strings.HasPrefix(a.Path, "/") || strings.ContainsRune(a.Path, 0) {
		return -1, nil, fail("invalid", "path %q", a.Path)
	}
	if err := a.check(); err != nil {
		return -1, nil, err
	}
	root, err := unix.Open(a.path("root"), unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, nil, goneOr(err)
	}
	defer unix.Close(root)
	if err := a.check(); err != nil {
		return -1, nil, err
	}
	path := filepath.Clean(a.Path)
	how := unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS,
	}
	from := root
	if below, found := strings.CutPrefix(path, "/proc/"); found {
		proc, err := procBelow(a.target, root)
		if err != nil {
			return -1, nil, err
		}
		defer unix.Close(proc)
		from, path = proc, below
		how.Resolve |= unix.RESOLVE_NO_XDEV
	}
	fd, err := unix.Openat2(from, path, &how)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR):
		return -1, &fileReply{Reason: "missing"}, nil
	case errors.Is(err, unix.ELOOP):
		return -1, &fileReply{Reason: "link"}, nil
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM):
		return -1, &fileReply{Reason: "denied"}, nil
	case errors.Is(err, unix.EXDEV):
		return -1, nil, fail("tampered", "something is mounted over %s", a.Path)
	case err != nil:
		return -1, nil, err
	}
	found, err := statOf(fd)
	if err != nil {
		unix.Close(fd)
		return -1, nil, err
	}
	return fd, &fileReply{Stat: found}, nil
}

// procBelow opens the /proc below the root of a target: a copy without what is mounted on it.
func procBelow(t target, root int) (int, error) {
	namespace, err := namespaceID(t.Pid, "pid")
	if err != nil {
		return -1, goneOr(err)
	}
	proc := -1
	err = inside(t, []string{"mnt"}, func() error {
		if err := unix.Fchdir(root); err != nil {
			return err
		}
		if err := unix.Chroot("."); err != nil {
			return err
		}
		proc, err = bareProc(namespace)
		return err
	})
	return proc, err
}

func statOf(fd int) (*fileStat, error) {
	var s unix.Stat_t
	if err := unix.Fstat(fd, &s); err != nil {
		return nil, err
	}
	kinds := map[uint32]string{
		unix.S_IFREG: "file", unix.S_IFDIR: "folder", unix.S_IFLNK: "link",
		unix.S_IFIFO: "fifo", unix.S_IFSOCK: "socket", unix.S_IFCHR: "device", unix.S_IFBLK: "device",
	}
	return &fileStat{
		Kind: kinds[s.Mode&unix.S_IFMT], Mode: s.Mode & 0o7777, UID: s.Uid, GID: s.Gid, Size: s.Size,
		Mtime: float64(s.Mtim.Sec) + float64(s.Mtim.Nsec)/1e9, Inode: s.Ino, Dev: s.Dev,
		Links: uint64(s.Nlink),
	}, nil
}

// reopen turns a path descriptor into one that can be read.
func reopen(fd, flags int) (*os.File, error) {
	path := "/proc/self/fd/" + strconv.Itoa(fd)
	got, err := unix.Open(path, flags|unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(got), path), nil
}

func statFile(_ context.Context, args fileArgs) (*fileReply, error) {
	fd, found, err := args.open()
	if err != nil || found.Reason != "" {
		return found, err
	}
	defer unix.Close(fd)
	if found.Stat.Kind == "link" {
		text := make([]byte, 4096)
		if n, err := unix.Readlinkat(fd, "", text); err == nil {
			found.Target = string(text[:n])
		}
	}
	return found, nil
}

func readFile(_ context.Context, args fileArgs) (*fileReply, error) {
	if args.Max <= 0 || args.Max > maxRead {
		return nil, fail("invalid", "max %d", args.Max)
	}
	fd, found, err := args.open()
	if err != nil || found.Reason != "" {
		return found, err
	}
	defer unix.Close(fd)
	switch {
	case found.Stat.Kind == "link":
		found.Reason = "link"
	case found.Stat.Kind != "file":
		found.Reason = "kind"
	case found.Stat.Size > int64(args.Max):
		found.Reason = "large"
	}
	if found.Reason != "" {
		return found, nil
	}
	file, err := reopen(fd, 0)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, int64(args.Max)+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", args.Path, err)
	}
	if len(content) > args.Max {
		found.Reason = "large"
		return found, nil
	}
	found.Content = content
	return found, nil
}

type folderReply struct {
	fileReply
	Names     []string `json:"names"`
	Truncated bool     `json:"truncated"`
}

func listFolder(_ context.Context, args fileArgs) (*folderReply, error) {
	if args.Max <= 0 || args.Max > 100_000 {
		return nil, fail("invalid", "max %d", args.Max)
	}
	fd, found, err := args.open()
	if err != nil {
		return nil, err
	}
	list := &folderReply{fileReply: *found, Names: []string{}}
	if found.Reason != "" {
		return list, nil
	}
	defer unix.Close(fd)
	if found.Stat.Kind != "folder" {
		list.Reason = "kind"
		return list, nil
	}
	folder, err := reopen(fd, unix.O_DIRECTORY)
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	names, err := folder.Readdirnames(args.Max + 1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(names) > args.Max {
		names, list.Truncated = names[:args.Max], true
	}
	list.Names = append(list.Names, names...)
	return list, nil
}

type mount struct {
	Root    string   `json:"root"`
	Place   string   `json:"place"`
	Options []string `json:"options"`
	Type    string   `json:"type"`
	Source  string   `json:"source"`
	Device  string   `json:"device"`
	Super   []string `json:"-"` // options of the file system, whose mount this is
}

type mountList struct {
	Mounts []mount `json:"mounts"`
}

func listMounts(_ context.Context, args idArgs) (*mountList, error) {
	if err := args.check(); err != nil {
		return nil, err
	}
	raw, err := os.ReadFile(args.path("mountinfo"))
	if err != nil {
		return nil, goneOr(err)
	}
	return &mountList{parseMounts(string(raw))}, nil
}

func parseMounts(text string) []mount {
	mounts := []mount{}
	for line := range strings.SplitSeq(text, "\n") {
		before, after, found := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if !found || len(left) < 6 || len(right) < 2 {
			continue
		}
		mounts = append(mounts, mount{
			Device: left[2], Root: unescape(left[3]), Place: unescape(left[4]),
			Options: strings.Split(left[5], ","), Type: right[0], Source: unescape(right[1]),
			Super: strings.Split(right[len(right)-1], ","),
		})
	}
	return mounts
}

// unescape undoes the octal escapes of blanks in mountinfo.
func unescape(text string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(text)
}
