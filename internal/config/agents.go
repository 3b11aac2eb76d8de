package config

import (
	"reflect"

	"github.com/openclaw-go/openclaw/internal/claw"
)

// All are the agents that agents.list, agents.entries and tools.agents name,
// each with agents.defaults merged beneath its own keys, the one that answers
// by default first. Without any there is main.
func (a *Agents) All() []Agent {
	var out []Agent
	has := func(id string) bool {
		for i := range out {
			if out[i].ID.V == id {
				return true
			}
		}
		return false
	}
	first := -1
	add := func(own Agent) {
		if own.ID.V == "" || has(own.ID.V) {
			return
		}
		if own.Default.Or(false) && first < 0 {
			first = len(out)
		}
		inherit(reflect.ValueOf(&own.AgentSettings).Elem(), reflect.ValueOf(&a.Defaults.AgentSettings).Elem())
		out = append(out, own)
	}
	for i := range a.List {
		add(a.List[i])
	}
	for i := range a.Entries {
		own := a.Entries[i].V
		own.ID = Value[string]{V: a.Entries[i].Key, Origin: Origin{Set: true, Ref: a.Entries[i].Ref}}
		add(own)
	}
	if len(out) == 0 {
		add(named("main", claw.ConfigRef{Pointer: "agents.list"}))
	}
	for _, e := range a.named {
		add(named(e.Key, e.Ref))
	}
	if first > 0 {
		own := out[first]
		copy(out[1:first+1], out[:first])
		out[0] = own
	}
	return out
}

func named(id string, ref claw.ConfigRef) Agent {
	return Agent{ID: Value[string]{V: id, Origin: Origin{Set: true, Ref: ref}}}
}

// inherit fills what an agent leaves open. A value that was not understood is
// not open: it stays what it is.
func inherit(own, def reflect.Value) {
	t := own.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Name == "_" || f.Type == originType {
			continue
		}
		switch shapeOf(f.Type) {
		case shapeValue, shapeList, shapeRaw:
			if o := own.Field(i).Field(0).Interface().(Origin); !o.Set && !o.Invalid {
				own.Field(i).Set(def.Field(i))
			}
		case shapeBlock:
			inherit(own.Field(i), def.Field(i))
		case shapeMap, shapeBlocks:
			if own.Field(i).IsNil() {
				own.Field(i).Set(def.Field(i))
			}
		}
	}
}
