package network

import (
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"k8s.io/klog/v2"
)

// UseNodesIptables puts the flavour of iptables that the node uses first on
// the PATH: rules of the other flavour would be judged besides, not instead.
func UseNodesIptables() {
	flavour := "nft"
	for _, f := range []string{"nft", "legacy"} {
		// The kubelet leaves this chain as a hint for exactly this purpose.
		rules, _ := exec.Command("/usr/libexec/iptables/"+f+"/iptables-save", "-t", "mangle").Output()
		if strings.Contains(string(rules), "KUBE-IPTABLES-HINT") {
			flavour = f
			break
		}
	}
	os.Setenv("PATH", "/usr/libexec/iptables/"+flavour+":"+os.Getenv("PATH"))
}

// masquerade gives pods the node's address towards everything but other pods.
func masquerade(podSubnet string) error {
	return install("nat", "POD-MASQUERADE", fmt.Sprintf("-s %s ! -d %s", podSubnet, podSubnet),
		"-m addrtype ! --dst-type LOCAL -j MASQUERADE",
	)
}

// steerWithoutNftQueue queues the packets that policies judge with iptables,
// where the kernel has no nft_queue: the rules of kube-network-policies are
// refused there, while its queue stays open.
func steerWithoutNftQueue() error {
	if hasNftQueue() {
		return nil
	}
	klog.InfoS("the kernel has no nft_queue: steering packets with iptables")
	return install("mangle", "POD-POLICY", "",
		"-o lo -j RETURN",
		// Answers would be judged as connections of their own.
		"-m conntrack --ctdir REPLY -j RETURN",
		// The node itself (the kubelet's probes, host-network pods) is not judged.
		"-m owner --uid-owner 0 -j RETURN",
		fmt.Sprintf("-j NFQUEUE --queue-num %d --queue-bypass", queue),
	)
}

func hasNftQueue() bool {
	nft, err := nftables.New()
	if err != nil {
		return false
	}
	table := nft.AddTable(&nftables.Table{Name: "probe-nft-queue", Family: nftables.TableFamilyINet})
	chain := nft.AddChain(&nftables.Chain{Name: "probe", Table: table})
	nft.AddRule(&nftables.Rule{Table: table, Chain: chain, Exprs: []expr.Any{&expr.Queue{Num: queue}}})
	if err := nft.Flush(); err != nil {
		return false // all or nothing: the table was not made either
	}
	nft.DelTable(table)
	return nft.Flush() == nil
}

// install makes a chain hold exactly these rules, and lets POSTROUTING jump to
// it for the packets that match. It can be repeated.
func install(table, chain, match string, rules ...string) error {
	var input strings.Builder
	fmt.Fprintf(&input, "*%s\n:%s - [0:0]\n", table, chain)
	for _, rule := range rules {
		fmt.Fprintf(&input, "-A %s %s\n", chain, rule)
	}
	input.WriteString("COMMIT\n")
	restore := exec.Command("iptables-restore", "--wait", "--noflush")
	restore.Stdin = strings.NewReader(input.String())
	if output, err := restore.CombinedOutput(); err != nil {
		return fmt.Errorf("iptables-restore: %w: %s\n%s", err, output, &input)
	}
	jump := append([]string{"POSTROUTING"}, strings.Fields(match)...)
	jump = append(jump, "-j", chain)
	if iptables(table, "-C", jump) == nil {
		return nil
	}
	return iptables(table, "-A", jump)
}

func iptables(table, action string, rule []string) error {
	args := append([]string{"--wait", "-t", table, action}, rule...)
	if output, err := exec.Command("iptables", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("iptables %s: %w: %s", strings.Join(args, " "), err, output)
	}
	return nil
}
