package skillscan

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// byHand is what the guide has people look for, with the rules that say what
// it means there. greps is a pattern of the guide's, "" for a red flag.
var byHand = []struct {
	what, greps string
	rules       []string
}{
	{"`(api[_-]?key|secret|password|token)`", `(api[_-]?key|secret|password|token)`, []string{"secret.literal", "order.harvest", "read.secret", "flow.secret", "flow.variable", "flow.undeclared", "flow.plain", "priv.password"}},
	{"`(curl|wget|fetch|http)`", `(curl|wget|fetch|http)`, []string{"exec.download", "exec.fetched", "flow.secret", "flow.environment", "flow.variable", "order.remote", "order.leak", "order.link", "net.proxy", "net.unverified", "supply.registry", "supply.url", "declare.network"}},
	{"`(eval|exec|system)`", `(eval|exec|system)`, []string{"exec.dynamic", "exec.decoded", "exec.output", "exec.pieces", "exec.download", "shell.reverse", "persist.start"}},
	{"hardcoded URLs to unknown domains (exfiltration)", "", []string{"flow.secret", "flow.environment", "flow.variable", "flow.dns", "flow.watch", "order.leak", "order.link", "net.proxy"}},
	{"requests for credentials in config (harvesting)", "", []string{"order.harvest", "read.secret", "read.metadata", "flow.undeclared", "priv.password"}},
	{"use of eval() or similar (code injection)", "", []string{"exec.dynamic", "exec.decoded", "exec.output", "exec.pieces"}},
	{"downloading and executing scripts (supply chain)", "", []string{"exec.download", "exec.fetched", "order.remote", "order.locked", "order.unpack", "supply.registry", "supply.lookalike", "supply.hook", "supply.unpinned"}},
	{"unnecessary permissions (overprivileged)", "", []string{"declare.everything", "declare.always", "priv.sudo", "priv.setuid", "priv.container", "tamper.config", "tamper.guard"}},
}

// guideTable is the part of docs/skill-rules.md about the guide.
func guideTable() string {
	var b strings.Builder
	b.WriteString("\n## What the guide has people look for\n\n| by hand | rules |\n| --- | --- |\n")
	for _, r := range byHand {
		fmt.Fprintf(&b, "| %s | `%s` |\n", strings.ReplaceAll(r.what, "|", `\|`), strings.Join(r.rules, "`, `"))
	}
	b.WriteString("\nA match that does no harm is no finding: `skill info` lists the hosts, programs and variables that a skill uses.\n")
	return b.String()
}

// TestGuideGreps: what the guide's patterns match by hand is found by the
// rules that are named for it, and those rules exist.
func TestGuideGreps(t *testing.T) {
	t.Parallel()
	byID := map[string]Rule{}
	for _, r := range Rules() {
		byID[r.ID] = r
	}
	for _, row := range byHand {
		matched := 0
		for _, id := range row.rules {
			r, ok := byID[id]
			if !ok {
				t.Errorf("%s names the rule %s, which does not exist", row.what, id)
				continue
			}
			if row.greps == "" || r.Hit == "" || !regexp.MustCompile("(?i)"+row.greps).MatchString(r.Hit) {
				continue
			}
			matched++
			if got := Scan(small(r.Hit)); !slices.Contains(ruleIDs(got), id) {
				t.Errorf("%s does not find %q", id, r.Hit)
			}
		}
		if row.greps != "" && matched < 3 {
			t.Errorf("%s: only %d rules have a case that it matches", row.what, matched)
		}
	}
}
