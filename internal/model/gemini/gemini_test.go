package gemini_test

import (
	"testing"

	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/model/gemini"
	"github.com/openclaw-go/openclaw/internal/model/modeltest"
)

func makeGemini(c model.Config) (model.Provider, error) {
	p, err := gemini.New(gemini.Config{Config: c})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func TestConformance(t *testing.T) {
	modeltest.Run(t, modeltest.Format{
		Serve: modeltest.NewGemini, New: makeGemini, API: gemini.API, Name: gemini.DefaultName, Signs: true, Free: false,
	})
}
