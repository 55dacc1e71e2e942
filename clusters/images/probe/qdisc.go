package main

import (
	"context"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// shaper limits what a network interface sends (or, as a policer, receives).
type shaper struct {
	Device string  `json:"device"`
	Kind   string  `json:"kind"`
	Rate   *uint64 `json:"rate"` // bytes a second
	Ceil   *uint64 `json:"ceil"`
}

type shaperList struct {
	Qdiscs []shaper `json:"qdiscs"`
}

// listQdiscs: the queueing disciplines, their classes and the policers in the target's network
// namespace.
func listQdiscs(_ context.Context, args idArgs) (*shaperList, error) {
	list := &shaperList{Qdiscs: []shaper{}}
	err := inside(args.target, []string{"net"}, func() error {
		handle, err := netlink.NewHandle(unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer handle.Close()
		links, err := handle.LinkList()
		if err != nil {
			return fmt.Errorf("list interfaces: %w", err)
		}
		for _, link := range links {
			found, err := shapersOf(handle, link)
			if err != nil {
				return fmt.Errorf("%s: %w", link.Attrs().Name, err)
			}
			list.Qdiscs = append(list.Qdiscs, found...)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return list, nil
}

func shapersOf(handle *netlink.Handle, link netlink.Link) ([]shaper, error) {
	qdiscs, err := handle.QdiscList(link)
	if err != nil {
		return nil, fmt.Errorf("qdiscs: %w", err)
	}
	var all []shaper
	device := link.Attrs().Name
	for _, qdisc := range qdiscs {
		found := shaper{Device: device, Kind: qdisc.Type()}
		switch q := qdisc.(type) {
		case *netlink.Tbf:
			found.Rate, found.Ceil = &q.Rate, some(q.Peakrate)
		case *netlink.Netem:
			found.Rate = some(q.Rate64)
		case *netlink.Fq:
			found.Rate = some(uint64(q.FlowMaxRate))
		}
		all = append(all, found)
		if _, ingress := qdisc.(*netlink.Ingress); ingress {
			all = append(all, policers(handle, link, netlink.HANDLE_INGRESS+1)...)
		} else {
			all = append(all, policers(handle, link, qdisc.Attrs().Handle)...)
		}
	}
	classes, err := handle.ClassList(link, netlink.HANDLE_NONE)
	if err != nil {
		return nil, fmt.Errorf("classes: %w", err)
	}
	for _, class := range classes {
		switch c := class.(type) {
		case *netlink.HtbClass:
			all = append(all, shaper{Device: device, Kind: "htb class", Rate: &c.Rate, Ceil: &c.Ceil})
		case *netlink.HfscClass:
			all = append(all, shaper{Device: device, Kind: "hfsc class"})
		}
	}
	return all, nil
}

// policers are actions of filters; a qdisc that cannot have filters has none.
func policers(handle *netlink.Handle, link netlink.Link, parent uint32) []shaper {
	filters, err := handle.FilterList(link, parent)
	if err != nil {
		return nil
	}
	var all []shaper
	for _, filter := range filters {
		var actions []netlink.Action
		switch f := filter.(type) {
		case *netlink.U32:
			actions = f.Actions
			if f.Police != nil {
				actions = append(actions, f.Police)
			}
		case *netlink.MatchAll:
			actions = f.Actions
		case *netlink.Flower:
			actions = f.Actions
		}
		for _, action := range actions {
			if police, is := action.(*netlink.PoliceAction); is {
				rate := uint64(police.Rate)
				all = append(all, shaper{Device: link.Attrs().Name, Kind: "police", Rate: &rate})
			}
		}
	}
	return all
}

func some(value uint64) *uint64 {
	if value == 0 {
		return nil
	}
	return &value
}
