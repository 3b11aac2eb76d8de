package openai_test

import (
	"testing"

	"github.com/openclaw-go/openclaw/internal/model"
	"github.com/openclaw-go/openclaw/internal/model/modeltest"
	"github.com/openclaw-go/openclaw/internal/model/openai"
)

func makeOpenAI(c model.Config) (model.Provider, error) {
	p, err := openai.New(openai.Config{Config: c})
	if err != nil {
		return nil, err
	}
	return p, nil
}

func format() modeltest.Format {
	return modeltest.Format{
		Serve: modeltest.NewOpenAI, New: makeOpenAI, API: openai.API, Name: openai.DefaultName, Signs: false, Free: true,
	}
}

func TestConformance(t *testing.T) { modeltest.Run(t, format()) }

func FuzzStream(f *testing.F) { modeltest.Fuzz(f, format()) }

func BenchmarkStream(b *testing.B) { modeltest.Bench(b, format()) }
