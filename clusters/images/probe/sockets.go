package main

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
)

type listener struct {
	Proto   string `json:"proto"` // tcp or udp
	Address string `json:"address"`
	Port    uint16 `json:"port"`
	Inode   uint64 `json:"inode"`
	Pids    []int  `json:"pids"` // processes that hold the socket open
}

type listenerList struct {
	Listeners []listener       `json:"listeners"`
	Owners    map[int]*process `json:"owners"` // by pid
}

// listListeners: TCP sockets that listen and UDP sockets that are bound and not connected.
func listListeners(_ context.Context, args idArgs) (*listenerList, error) {
	if err := args.check(); err != nil {
		return nil, err
	}
	list := &listenerList{Listeners: []listener{}, Owners: map[int]*process{}}
	for _, name := range []string{"tcp", "tcp6", "udp", "udp6"} {
		raw, err := os.ReadFile(args.path("net/" + name))
		if err != nil {
			continue // without IPv6 there is no tcp6
		}
		list.Listeners = append(list.Listeners, parseSockets(string(raw), name[:3])...)
	}
	members, err := neighbours(args.target)
	if err != nil {
		return nil, err
	}
	holders := map[uint64][]int{}
	for _, l := range list.Listeners {
		holders[l.Inode] = []int{}
	}
	for _, pid := range members {
		for inode := range openSockets(pid) {
			if _, wanted := holders[inode]; !wanted {
				continue
			}
			if list.Owners[pid] == nil {
				if list.Owners[pid], err = readProcess(pid); err != nil {
					delete(list.Owners, pid)
					break // it ended meanwhile
				}
			}
			holders[inode] = append(holders[inode], pid)
		}
	}
	for i, l := range list.Listeners {
		list.Listeners[i].Pids = holders[l.Inode]
	}
	return list, args.check()
}

// neighbours: the processes that may hold a socket of the target's network namespace: those in
// its PID namespace or below, and those that share the network namespace.
func neighbours(t target) ([]int, error) {
	members, err := family(t)
	if err != nil {
		return nil, err
	}
	home, err := namespaceID(t.Pid, "net")
	if err != nil {
		return nil, goneOr(err)
	}
	all, err := allPids()
	if err != nil {
		return nil, err
	}
	known := map[int]bool{}
	for _, pid := range members {
		known[pid] = true
	}
	for _, pid := range all {
		if id, err := namespaceID(pid, "net"); err == nil && id == home && !known[pid] {
			members = append(members, pid)
		}
	}
	return members, nil
}

func openSockets(pid int) map[uint64]bool {
	inodes := map[uint64]bool{}
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	dir, err := os.Open(folder)
	if err != nil {
		return inodes
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		link, err := os.Readlink(folder + "/" + name)
		if err != nil || !strings.HasPrefix(link, "socket:[") {
			continue
		}
		if inode, err := parseNamespace(link); err == nil {
			inodes[inode] = true
		}
	}
	return inodes
}

// parseSockets reads /proc/PID/net/tcp and its kin.
func parseSockets(text, proto string) []listener {
	const tcpListen, udpUnconnected = "0A", "07"
	var all []listener
	for line := range strings.SplitSeq(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 10 || !strings.HasSuffix(fields[0], ":") {
			continue
		}
		if proto == "tcp" && fields[3] != tcpListen || proto == "udp" && fields[3] != udpUnconnected {
			continue
		}
		address, port, err := parseAddress(fields[1])
		if err != nil {
			continue
		}
		inode, _ := strconv.ParseUint(fields[9], 10, 64)
		all = append(all, listener{Proto: proto, Address: address.String(), Port: port, Inode: inode})
	}
	return all
}

// parseAddress reads "0100007F:1F90": words of four bytes, each in the machine's byte order.
func parseAddress(text string) (netip.Addr, uint16, error) {
	host, portText, _ := strings.Cut(text, ":")
	raw, err := hex.DecodeString(host)
	if err != nil || len(raw)%4 != 0 {
		return netip.Addr{}, 0, fmt.Errorf("malformed address %q", text)
	}
	for i := 0; i < len(raw); i += 4 {
		binary.NativeEndian.PutUint32(raw[i:], binary.BigEndian.Uint32(raw[i:]))
	}
	address, ok := netip.AddrFromSlice(raw)
	port, err := strconv.ParseUint(portText, 16, 16)
	if !ok || err != nil {
		return netip.Addr{}, 0, fmt.Errorf("malformed address %q", text)
	}
	return address.Unmap(), uint16(port), nil
}
