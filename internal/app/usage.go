package app

import (
	"maps"
	"path/filepath"
	"slices"
	"time"

	"github.com/openclaw-go/openclaw/internal/answer"
	"github.com/openclaw-go/openclaw/internal/budget"
	"github.com/openclaw-go/openclaw/internal/claw"
	"github.com/openclaw-go/openclaw/internal/config"
	"github.com/openclaw-go/openclaw/internal/configfile"
	"github.com/openclaw-go/openclaw/internal/gateway"
	"github.com/openclaw-go/openclaw/internal/ledger"
	"github.com/openclaw-go/openclaw/internal/posture"
	"github.com/openclaw-go/openclaw/internal/tool"
)

// usageDays is how far back usage is summed up, today included.
const usageDays = 30

// Usage is what agents have used: today, in the last days, of which limits.
type Usage struct {
	Today  budget.Day `json:"today"`
	Resets time.Time  `json:"resets"`
	// Problem says why nothing is known; then limited calls are refused.
	Problem string          `json:"problem,omitempty"`
	Agents  []AgentUsage    `json:"agents"`
	Total   AgentUsageSpans `json:"total"`
	Days    []DayUsage      `json:"days"` // newest first
}

// AgentUsageSpans are the spans that are summed up.
type AgentUsageSpans struct {
	Today gateway.Used `json:"today"`
	Last  gateway.Used `json:"last30Days"`
}

// AgentUsage is what one agent has used.
type AgentUsage struct {
	Agent claw.AgentID `json:"agent"`
	AgentUsageSpans
	Limits []answer.Limit `json:"limits"`
}

// DayUsage is a day of all agents.
type DayUsage struct {
	Day    budget.Day                    `json:"day"`
	Total  gateway.Used                  `json:"total"`
	Agents map[claw.AgentID]gateway.Used `json:"agents"`
}

func usedOf(u budget.Use) gateway.Used {
	return gateway.Used{Tokens: u.Tokens, Cost: budget.Dollars(u.Nanos), Calls: u.Calls, Messages: u.Messages, Unpriced: u.Unpriced}
}

// PeekUsage reads what agents have used, the gateway running or not.
func PeekUsage(p configfile.Paths, c *config.Config, now time.Time) Usage {
	days, err := ledger.Peek(filepath.Join(p.State, ledger.FileName))
	return usageOf(posture.Of(c, World(p)), days, err, now)
}

func usageOf(post posture.Posture, days map[budget.Day]map[claw.AgentID]budget.Use, err error, now time.Time) Usage {
	out := Usage{Today: today(days, now), Agents: []AgentUsage{}, Days: []DayUsage{}}
	out.Resets, _ = out.Today.Ends(now.Location())
	if err != nil {
		out.Problem = err.Error()
	}
	oldest := budget.DayOf(now.AddDate(0, 0, 1-usageDays))
	span := map[claw.AgentID]budget.Use{}
	for _, d := range slices.Backward(slices.Sorted(maps.Keys(days))) {
		if d < oldest {
			continue
		}
		row := DayUsage{Day: d, Agents: map[claw.AgentID]gateway.Used{}}
		var total budget.Use
		for id, u := range days[d] {
			row.Agents[id] = usedOf(u)
			total, span[id] = total.Plus(u), span[id].Plus(u)
		}
		row.Total = usedOf(total)
		out.Days = append(out.Days, row)
	}
	used := usedToday(days, now)
	ids := []claw.AgentID{}
	for _, a := range post.Agents {
		ids = append(ids, a.ID)
	}
	for _, id := range slices.Sorted(maps.Keys(span)) { // those that are gone too
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	var all, month budget.Use
	for _, id := range ids {
		row := AgentUsage{Agent: id, AgentUsageSpans: AgentUsageSpans{Today: usedOf(days[out.Today][id]), Last: usedOf(span[id])}, Limits: []answer.Limit{}}
		if a, ok := post.Agent(id); ok {
			var u *answer.Used
			if err == nil {
				now := used(id)
				u = &now
			}
			row.Limits = answer.Limits(&a.Rules, u)
		}
		out.Agents = append(out.Agents, row)
		all, month = all.Plus(days[out.Today][id]), month.Plus(span[id])
	}
	out.Total = AgentUsageSpans{Today: usedOf(all), Last: usedOf(month)}
	return out
}

// today is the day that counts: no earlier one than was counted last.
func today(days map[budget.Day]map[claw.AgentID]budget.Use, now time.Time) budget.Day {
	d := budget.DayOf(now)
	for at := range days {
		d = max(d, at)
	}
	return d
}

// usedToday gives what an agent, and all of them, have used today.
func usedToday(days map[budget.Day]map[claw.AgentID]budget.Use, now time.Time) func(claw.AgentID) answer.Used {
	rows := days[today(days, now)]
	var all budget.Use
	for _, u := range rows {
		all = all.Plus(u)
	}
	return func(id claw.AgentID) answer.Used { return answer.Used{Own: rows[id], All: all} }
}

// usage of the agents of a running gateway.
func (a *App) usage() Usage {
	days, err := a.ledger.Days()
	return usageOf(a.posture.now(), days, err, time.Now())
}

// usageRows are for the overview.
func usageRows(u Usage) []gateway.UsageRow {
	out := []gateway.UsageRow{}
	for _, a := range u.Agents {
		row := gateway.UsageRow{Agent: a.Agent, Today: a.Today, Limits: []gateway.UsageLimit{}, ResetsMs: u.Resets.UnixMilli(), Problem: u.Problem}
		for _, l := range a.Limits {
			row.Limits = append(row.Limits, gateway.UsageLimit{Key: l.Key, Whose: l.Whose, Max: l.Max, Used: l.Used, Left: l.Left, Where: l.Where})
		}
		out = append(out, row)
	}
	return out
}

// budgetOf is what a model may know of its agent's budget.
func (a *App) budgetOf(id claw.AgentID) []tool.Limit {
	ag, ok := a.posture.now().Agent(id)
	if !ok {
		return nil
	}
	own, all, _, err := a.ledger.Used(id)
	var used *answer.Used
	if err == nil {
		used = &answer.Used{Own: own, All: all}
	}
	var out []tool.Limit
	for _, l := range answer.Limits(&ag.Rules, used) {
		out = append(out, tool.Limit{Name: l.Key, Whose: l.Whose, Max: l.Max, Left: l.Left})
	}
	return out
}
