package survey

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/openclaw-go/openclaw/internal/audit"
)

// Numbers of nfnetlink (linux/netfilter.h, linux/netfilter/nf_tables.h).
const (
	hookInput    = 1
	familyInet   = 1
	verdictDrop  = 0
	maxDump      = 8 << 20
	kernelAnswer = 2 // seconds to wait
)

// kernelRules adds what the kernel itself lets in: the base chains at the
// input hook.
func kernelRules(w *audit.Firewall) {
	w.Asked = true
	if b, err := os.ReadFile("/proc/net/ip_tables_names"); err == nil {
		w.Legacy = strings.Contains(string(b), "filter")
	}
	chains, err := netfilter(unix.NFT_MSG_GETCHAIN)
	if err != nil {
		w.Err = err.Error()
		return
	}
	rules, err := netfilter(unix.NFT_MSG_GETRULE)
	if err != nil {
		w.Err = err.Error()
		return
	}
	w.Chains = inputChains(chains, rules)
}

// netfilter dumps one kind of object. It asks the kernel and nobody else.
func netfilter(kind uint16) ([]syscall.NetlinkMessage, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if errors.Is(err, unix.EPROTONOSUPPORT) {
		return nil, nil // a kernel without a packet filter filters nothing
	}
	if err != nil {
		return nil, fmt.Errorf("netfilter: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Sec: kernelAnswer}); err != nil {
		return nil, fmt.Errorf("netfilter: %w", err)
	}
	ask := make([]byte, unix.SizeofNlMsghdr+4)
	binary.NativeEndian.PutUint32(ask[0:], uint32(len(ask))) //nolint:gosec // 20
	binary.NativeEndian.PutUint16(ask[4:], unix.NFNL_SUBSYS_NFTABLES<<8|kind)
	binary.NativeEndian.PutUint16(ask[6:], unix.NLM_F_REQUEST|unix.NLM_F_DUMP)
	if _, err := unix.Write(fd, ask); err != nil {
		return nil, fmt.Errorf("netfilter: %w", err)
	}
	var out []syscall.NetlinkMessage
	buf, total := make([]byte, 64<<10), 0
	for total < maxDump {
		n, err := unix.Read(fd, buf)
		if err != nil {
			return nil, fmt.Errorf("netfilter: %w", err)
		}
		total += n
		list, err := syscall.ParseNetlinkMessage(append([]byte(nil), buf[:n]...))
		if err != nil {
			return nil, fmt.Errorf("netfilter: %w", err)
		}
		for _, m := range list {
			switch m.Header.Type {
			case unix.NLMSG_DONE:
				return out, nil
			case unix.NLMSG_ERROR:
				return answered(m.Data)
			default:
				out = append(out, m)
			}
		}
	}
	return nil, fmt.Errorf("netfilter: more than %d bytes of rules", maxDump)
}

// answered reads the number of an error. A kernel without nf_tables does not
// know the question.
func answered(b []byte) ([]syscall.NetlinkMessage, error) {
	if len(b) < 4 {
		return nil, errors.New("netfilter: an answer without a number")
	}
	switch errno := unix.Errno(-int32(binary.NativeEndian.Uint32(b))); errno { //nolint:gosec // the kernel negates it
	case 0, unix.EINVAL, unix.EOPNOTSUPP:
		return nil, nil
	case unix.EPERM:
		return nil, errors.New("only root may read the kernel's rules")
	default:
		return nil, fmt.Errorf("netfilter: %w", errno)
	}
}

// attributes are by number; of several with one number the last.
func attributes(b []byte) map[uint16][]byte {
	out := map[uint16][]byte{}
	each(b, func(kind uint16, value []byte) { out[kind] = value })
	return out
}

// each calls f for every attribute of a message.
func each(b []byte, f func(kind uint16, value []byte)) {
	for len(b) >= 4 {
		size := int(binary.NativeEndian.Uint16(b))
		kind := binary.NativeEndian.Uint16(b[2:]) &^ (unix.NLA_F_NESTED | unix.NLA_F_NET_BYTEORDER)
		if size < 4 || size > len(b) {
			return
		}
		f(kind, b[4:size])
		b = b[min(len(b), (size+3)&^3):]
	}
}

func word(b []byte) (uint32, bool) {
	if len(b) != 4 {
		return 0, false
	}
	return binary.BigEndian.Uint32(b), true
}

func text(b []byte) string { return strings.TrimRight(string(b), "\x00") }

// inputChains are the filter chains at the input hook with what becomes of a
// packet that no rule names.
func inputChains(chains, rules []syscall.NetlinkMessage) []audit.Chain {
	drops, count := map[string]bool{}, map[string]int{}
	for _, m := range rules {
		if len(m.Data) < 4 {
			continue
		}
		a := attributes(m.Data[4:])
		key := fmt.Sprint(m.Data[0], text(a[unix.NFTA_RULE_TABLE]), "\x00", text(a[unix.NFTA_RULE_CHAIN]))
		drops[key], count[key] = drops[key] || dropsAll(a[unix.NFTA_RULE_EXPRESSIONS]), count[key]+1
	}
	var out []audit.Chain
	for _, m := range chains {
		if len(m.Data) < 4 {
			continue
		}
		family := map[byte]string{familyInet: "inet", unix.AF_INET: "ip", unix.AF_INET6: "ip6"}[m.Data[0]]
		a := attributes(m.Data[4:])
		hook, ok := word(attributes(a[unix.NFTA_CHAIN_HOOK])[unix.NFTA_HOOK_HOOKNUM])
		if !ok || hook != hookInput || family == "" || text(a[unix.NFTA_CHAIN_TYPE]) != "filter" {
			continue
		}
		key := fmt.Sprint(m.Data[0], text(a[unix.NFTA_CHAIN_TABLE]), "\x00", text(a[unix.NFTA_CHAIN_NAME]))
		policy, ok := word(a[unix.NFTA_CHAIN_POLICY])
		out = append(out, audit.Chain{Family: family, Table: text(a[unix.NFTA_CHAIN_TABLE]), Name: text(a[unix.NFTA_CHAIN_NAME]), Rules: count[key],
			Drops: ok && policy == verdictDrop || drops[key]})
	}
	return out
}

// dropsAll reports a rule without a condition that drops or rejects.
func dropsAll(expressions []byte) bool {
	drops, bare := false, true
	each(expressions, func(_ uint16, b []byte) {
		a := attributes(b)
		data := attributes(a[unix.NFTA_EXPR_DATA])
		switch text(a[unix.NFTA_EXPR_NAME]) {
		case "counter", "log":
		case "reject":
			drops = true
		case "target": // of iptables
			drops = drops || text(data[1]) == "REJECT"
		case "immediate":
			code, ok := word(attributes(attributes(data[unix.NFTA_IMMEDIATE_DATA])[unix.NFTA_DATA_VERDICT])[unix.NFTA_VERDICT_CODE])
			drops = drops || ok && code == verdictDrop
		default:
			bare = false
		}
	})
	return drops && bare
}
