package posture

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/policy"
)

// ProfileLine is one line of the profile of an agent's runs, with the place
// that made it so.
type ProfileLine struct {
	What  string `json:"what"`
	Value string `json:"value"`
	From  string `json:"from"`
}

// Explain says where each line of an agent's profile comes from; ok is false
// for a name that nothing configures. The profile is that of Of.
func Explain(c *config.Config, w World, id claw.AgentID) (lines []ProfileLine, ok bool) {
	a, ok := Of(c, w).Agent(id)
	if !ok {
		return nil, false
	}
	b := builder{c: c, w: w}
	own, guide := b.block(id), c.Tools.Agents.Get(string(id))
	if own == nil {
		own = &config.Agent{}
	}
	if guide == nil {
		guide = &config.ToolSet{}
	}
	blocks := []*config.Exec{&c.Tools.Exec, &guide.Exec, &own.Tools.Exec}
	conf := a.Rules.Confinement
	add := func(what, value, from string) { lines = append(lines, ProfileLine{what, value, from}) }
	add("level", conf.Level.String(), fromValue("tools.exec.level", writtenLevel(blocks...)))
	write, why := "read-only", "tools: write is not among them"
	if conf.WorkspaceWrite {
		write, why = "writable", "tools: write is among them"
	}
	add("workspace", conf.Workspace, fromValue("agent workspace", own.Workspace))
	add("workspace is", write, why)
	for _, e := range blocks {
		for _, x := range e.ReadRoots.V {
			if x.Set {
				add("read root", x.V, x.Ref.String())
			}
		}
	}
	network := "through the egress proxy, which decides each host"
	if conf.Network == policy.NetworkNone {
		network = "none"
	}
	add("network", network, orDefault(a.Rules.Egress.Where, "tools.egress.mode"))
	for _, p := range a.Rules.Files.Steering {
		add("read-only in the workspace", p.Pattern, orDefault(p.Where, "built in: names that steer programs"))
	}
	for _, p := range slices.Concat(a.Rules.Files.Deny, a.Rules.Files.Always) {
		add("hidden", p.Pattern, orDefault(p.Where, "built in: nothing of an agent's touches it"))
	}
	lines = append(lines, containerLines(conf.Container)...)
	return append(lines, limitLines(conf.Limits, blocks)...), true
}

// limitLines are the bounds of a run; what no key sets is the runner's.
func limitLines(l policy.Limits, blocks []*config.Exec) (out []ProfileLine) {
	var timeout config.Value[config.Duration]
	var memory, processes, cpu config.Value[int]
	for _, e := range blocks {
		pick(&timeout, e.Timeout)
		pick(&memory, e.Limits.MemoryMB)
		pick(&processes, e.Limits.Processes)
		pick(&cpu, e.Limits.CPUPercent)
	}
	out = append(out, ProfileLine{"longest run", fmt.Sprintf("%d s", l.TimeoutMs/1000), fromValue("tools.exec.timeoutSec", timeout)})
	for _, x := range []struct {
		what, unit, key, without string
		n                        int64
		v                        config.Value[int]
	}{
		{"memory", "MiB", "tools.exec.limits.memoryMb", "half of this machine's, where there is a cgroup", l.MemoryBytes >> 20, memory},
		{"processes", "at once", "tools.exec.limits.processes", "512", int64(l.Processes), processes},
		{"processor", "percent of one", "tools.exec.limits.cpuPercent", "no limit but time", int64(l.CPUPercent), cpu},
	} {
		value := x.without
		if x.n > 0 {
			value = fmt.Sprintf("%d %s", x.n, x.unit)
		}
		out = append(out, ProfileLine{x.what, value, fromValue(x.key, x.v)})
	}
	return out
}

func fromValue[T any](key string, v config.Value[T]) string {
	if v.Set {
		return v.Ref.String()
	}
	return key + " (default)"
}

func orDefault(r claw.ConfigRef, otherwise string) string {
	if r.Pointer == "" {
		return otherwise
	}
	return strings.TrimSpace(r.String())
}
