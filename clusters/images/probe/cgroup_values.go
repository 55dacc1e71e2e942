package main

import (
	"slices"
	"strconv"
	"strings"
)

// unlimited: version 1 says "no limit" with a huge number.
const unlimited = 1 << 60

// number reads a value; nil for "max", a huge or negative number, or a file that is not there.
func number(text string) *uint64 {
	n, err := strconv.ParseUint(strings.TrimSpace(text), 10, 64)
	if err != nil || n >= unlimited {
		return nil
	}
	return &n
}

// keyed reads "name value" lines.
func keyed(text, name string) *uint64 {
	for line := range strings.SplitSeq(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) == 2 && fields[0] == name {
			return number(fields[1])
		}
	}
	return nil
}

func lower(a, b *uint64) *uint64 {
	if a == nil || b != nil && *b < *a {
		return b
	}
	return a
}

// tighten narrows the limits of one controller by those of a group.
func (l *limits) tighten(g group, controller string) {
	one := g.version == 1
	pick := func(first, second string) string {
		if one {
			return text(g.file(first))
		}
		return text(g.file(second))
	}
	switch controller {
	case "memory":
		l.MemoryMax = lower(l.MemoryMax, number(pick("memory.limit_in_bytes", "memory.max")))
	case "pids":
		l.PidsMax = lower(l.PidsMax, number(text(g.file("pids.max"))))
	case "cpu":
		var quota, period *uint64
		if one {
			quota = number(text(g.file("cpu.cfs_quota_us")))
			period = number(text(g.file("cpu.cfs_period_us")))
		} else if fields := strings.Fields(text(g.file("cpu.max"))); len(fields) == 2 {
			quota, period = number(fields[0]), number(fields[1])
		}
		if quota == nil || period == nil || *period == 0 {
			return
		}
		if l.CPUQuotaUs == nil || share(quota, period) < share(l.CPUQuotaUs, l.CPUPeriodUs) {
			l.CPUQuotaUs, l.CPUPeriodUs = quota, period
		}
	case "io":
		l.tightenIO(parseIOMax(text(g.file("io.max"))))
	case "blkio":
		var all []ioLimit
		for name, field := range map[string]func(*ioLimit) **uint64{
			"read_bps": rbps, "write_bps": wbps, "read_iops": riops, "write_iops": wiops,
		} {
			all = append(all, parseThrottle(text(g.file("blkio.throttle."+name+"_device")), field)...)
		}
		l.tightenIO(all)
	}
}

func share(quota, period *uint64) float64 { return float64(*quota) / float64(*period) }

func rbps(l *ioLimit) **uint64  { return &l.Rbps }
func wbps(l *ioLimit) **uint64  { return &l.Wbps }
func riops(l *ioLimit) **uint64 { return &l.Riops }
func wiops(l *ioLimit) **uint64 { return &l.Wiops }

func (l *limits) tightenIO(more []ioLimit) {
	for _, limit := range more {
		i := slices.IndexFunc(l.IO, func(have ioLimit) bool { return have.Device == limit.Device })
		if i < 0 {
			l.IO = append(l.IO, limit)
			continue
		}
		for _, field := range []func(*ioLimit) **uint64{rbps, wbps, riops, wiops} {
			*field(&l.IO[i]) = lower(*field(&l.IO[i]), *field(&limit))
		}
	}
	slices.SortFunc(l.IO, func(a, b ioLimit) int { return strings.Compare(a.Device, b.Device) })
}

// parseIOMax reads version 2's io.max: "8:16 rbps=2097152 wbps=max riops=max wiops=120".
func parseIOMax(text string) []ioLimit {
	var all []ioLimit
	for line := range strings.SplitSeq(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		limit := ioLimit{Device: fields[0]}
		for _, field := range fields[1:] {
			name, value, _ := strings.Cut(field, "=")
			switch name {
			case "rbps":
				limit.Rbps = number(value)
			case "wbps":
				limit.Wbps = number(value)
			case "riops":
				limit.Riops = number(value)
			case "wiops":
				limit.Wiops = number(value)
			}
		}
		all = append(all, limit)
	}
	return all
}

// parseThrottle reads version 1's "8:16 2097152" lines.
func parseThrottle(text string, field func(*ioLimit) **uint64) []ioLimit {
	var all []ioLimit
	for line := range strings.SplitSeq(text, "\n") {
		fields := strings.Fields(line)
		if len(fields) != 2 {
			continue
		}
		limit := ioLimit{Device: fields[0]}
		*field(&limit) = number(fields[1])
		all = append(all, limit)
	}
	return all
}

func (u *usage) read(g group, controller string) {
	one := g.version == 1
	switch controller {
	case "memory":
		if one {
			u.MemoryCurrent = number(text(g.file("memory.usage_in_bytes")))
			u.OOMKills = keyed(text(g.file("memory.oom_control")), "oom_kill")
		} else {
			u.MemoryCurrent = number(text(g.file("memory.current")))
			u.OOMKills = keyed(text(g.file("memory.events")), "oom_kill")
		}
	case "pids":
		u.PidsCurrent = number(text(g.file("pids.current")))
		u.PidsFailures = keyed(text(g.file("pids.events")), "max")
	case "cpu":
		stat := text(g.file("cpu.stat"))
		u.NrThrottled = keyed(stat, "nr_throttled")
		u.ThrottledUs = keyed(stat, "throttled_usec")
		if nanoseconds := keyed(stat, "throttled_time"); nanoseconds != nil {
			microseconds := *nanoseconds / 1000
			u.ThrottledUs = &microseconds
		}
	}
}
