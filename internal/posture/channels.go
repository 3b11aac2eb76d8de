package posture

import (
	"slices"

	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
)

// rank orders policies by how many they let in. One that nobody knows lets
// nobody in.
func rank(policy string) int {
	switch policy {
	case config.PolicyAllowlist:
		return 1
	case config.PolicyPairing:
		return 2
	case config.PolicyOpen:
		return 3
	}
	return 0
}

// seen orders whose messages become context.
func seen(visibility string) int {
	switch visibility {
	case "allowlist":
		return 0
	case "all":
		return 2
	}
	return 1
}

// unheard is a channel that was not there: with pairing it loosens nothing,
// since whoever writes needs the operator's word one by one.
func unheard(n Inbound) Inbound {
	return Inbound{Channel: n.Channel, Account: n.Account, DM: config.PolicyPairing, Group: config.PolicyAllowlist, RequireMention: true}
}

// inbound lists who may write, or counts as the operator, and was not before.
func (d *diff) inbound(before, next []Inbound) {
	for _, n := range next {
		if !n.Enabled {
			continue
		}
		old := unheard(n)
		if i := slices.IndexFunc(before, func(o Inbound) bool { return o.Channel == n.Channel && o.Account == n.Account }); i >= 0 {
			old = before[i]
		}
		name := "channel " + string(n.Channel)
		if n.Account != "" {
			name += "/" + string(n.Account)
		}
		d.add(rank(n.DM) > rank(old.DM), name+" direct messages", old.DM, n.DM, n.DMRef)
		d.add(rank(n.Group) > rank(old.Group), name+" groups", old.Group, n.Group, n.GroupRef)
		d.each(heard(old.AllowFrom, n.AllowFrom), name+" sender", n.AllowFromRef)
		d.each(heard(old.groupSenders(), n.groupSenders()), name+" sender in groups", n.GroupAllowFromRef)
		d.add(old.RequireMention && !n.RequireMention, name+" reads groups without a mention", "no", "yes", n.RequireMentionRef)
		d.add(seen(n.Visibility) > seen(old.Visibility), name+" context", old.Visibility, n.Visibility, n.VisibilityRef)
		for _, g := range n.Groups {
			d.group(name, old, g)
		}
	}
}

// heard lists the senders that are let in and were not before; where everybody
// was, nobody is new.
func heard(before, next []string) []string {
	if slices.Contains(before, "*") {
		return nil
	}
	return gained(before, next)
}

// groupSenders are those who may write in groups, as far as the account says.
func (i Inbound) groupSenders() []string {
	if i.GroupListed {
		return i.GroupAllowFrom
	}
	return i.AllowFrom
}

func (d *diff) group(name string, old Inbound, g InboundGroup) {
	if !g.Enabled {
		return
	}
	name += " group " + g.ID
	i := slices.IndexFunc(old.Groups, func(o InboundGroup) bool { return o.ID == g.ID && o.Enabled })
	if i < 0 {
		d.add(true, name, "no", "yes", g.Ref)
		return
	}
	o := old.Groups[i]
	policy := func(g InboundGroup, in Inbound) string {
		if g.Policy != "" {
			return g.Policy
		}
		return in.Group
	}
	was, is := policy(o, old), g.Policy
	if is == "" {
		is = was // the account's own is judged above
	}
	d.add(rank(is) > rank(was), name+" policy", was, is, g.PolicyRef)
	d.add(o.Listed && !g.Listed, name+" has a list of its own", "yes", "no", g.Ref)
	if o.Listed {
		d.each(heard(o.AllowFrom, g.AllowFrom), name+" sender", g.Ref)
		d.each(gained(o.Roles, g.Roles), name+" role", g.Ref)
	}
	d.add(o.RequireMention && !g.RequireMention, name+" is read without a mention", "no", "yes", g.Ref)
}

// owners lists ids that count as the operator and did not before.
func (d *diff) owners(before, next []string) {
	d.each(gained(before, next), "owner", claw.ConfigRef{Pointer: "commands.ownerAllowFrom"})
}
