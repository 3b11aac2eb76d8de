package app

import (
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/inbox"
	"github.com/openclaw-go/openclaw/internal/inbox/admission"
	"github.com/openclaw-go/openclaw/internal/posture"
)

// doors are the rules of every account under one configuration. They are read
// once for it and not once for every message.
type doors struct {
	of   *config.Config
	rows map[lineID]inbox.Door
	ids  []lineID
}

// defaultHistory is how many overheard messages of a group are kept.
const defaultHistory = 20

// door gives the rules of an account that is configured.
func (c *channels) door(ch claw.ChannelID, account claw.AccountID) (inbox.Door, bool) {
	d := c.read()
	row, ok := d.rows[lineOf(ch, account)]
	return row, ok
}

// configured lists the accounts that should run: those of channels that are
// built and not switched off.
func (c *channels) configured() []lineID { return c.readFrom(c.app.posture.config()).ids }

func (c *channels) read() doors { return c.readFrom(c.app.posture.config()) }

// readFrom reads the rules of a configuration, once.
func (c *channels) readFrom(cfg *config.Config) doors {
	c.reading.Lock()
	defer c.reading.Unlock()
	if c.doors.of == cfg {
		return c.doors
	}
	d := doors{of: cfg, rows: map[lineID]inbox.Door{}}
	post := c.app.posture.now()
	built := c.built()
	for _, in := range posture.InboundOf(cfg) {
		id := lineOf(in.Channel, in.Account)
		if built[in.Channel] == nil {
			continue
		}
		s := settingsOf(cfg, id)
		row := inbox.Door{Inbound: in, Owners: posture.OwnersOf(cfg, in.Channel), Routes: posture.RoutesOf(cfg), Default: post.Default(), Scope: posture.ScopeOf(cfg),
			History: s.HistoryLimit.Or(cfg.Messages.GroupChat.HistoryLimit.Or(defaultHistory)), MaxFile: int64(s.MediaMaxMB.V * (1 << 20)), Mentions: c.mentions(cfg, post)}
		d.rows[id] = row
		if in.Enabled {
			d.ids = append(d.ids, id)
		}
	}
	c.doors = d
	return d
}

// mentions compiles the patterns of every agent.
func (c *channels) mentions(cfg *config.Config, post posture.Posture) func(claw.AgentID) admission.Patterns {
	all := map[claw.AgentID]admission.Patterns{}
	for _, a := range post.Agents {
		patterns, name := posture.MentionsOf(cfg, a)
		compiled, bad := admission.Compile(patterns, name)
		for _, b := range bad {
			c.app.log.Warn("a mention pattern matches nothing: it is no regular expression of RE2", "agent", a.ID, "pattern", b)
		}
		all[a.ID] = compiled
	}
	return func(id claw.AgentID) admission.Patterns { return all[id] }
}

// settings of an account under the configuration in force: its own, with the
// channel's where it has none.
func (c *channels) settings(id lineID) config.Channel {
	return settingsOf(c.app.posture.config(), id)
}

func settingsOf(cfg *config.Config, id lineID) config.Channel {
	var base config.Channel
	var own *config.Channel
	if id.channel == "telegram" {
		base = cfg.Channels.Telegram.Channel
		for i := range cfg.Channels.Telegram.Accounts {
			if e := &cfg.Channels.Telegram.Accounts[i]; claw.AccountID(e.Key) == id.account {
				own = &e.V.Channel
			}
		}
	}
	if own == nil {
		return base
	}
	out := *own
	if !out.Streaming.Mode.Set {
		out.Streaming = base.Streaming
	}
	if !out.ResponsePrefix.Set {
		out.ResponsePrefix = base.ResponsePrefix
	}
	if !out.HistoryLimit.Set {
		out.HistoryLimit = base.HistoryLimit
	}
	if !out.MediaMaxMB.Set {
		out.MediaMaxMB = base.MediaMaxMB
	}
	if !out.ExecApprovals.Enabled.Set {
		out.ExecApprovals.Enabled = base.ExecApprovals.Enabled
	}
	if !out.ExecApprovals.Approvers.Set {
		out.ExecApprovals.Approvers = base.ExecApprovals.Approvers
	}
	return out
}

func sameID(ch claw.ChannelID, entry, id string) bool { return admission.SameID(ch, entry, id) }

func normalID(ch claw.ChannelID, id string) string { return admission.Normal(ch, id) }
