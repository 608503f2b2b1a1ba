package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

const (
	provisionerName = "shipmate.dev/local-volumes"
	nodeLabel       = "kubernetes.io/hostname"
)

// localVolumes makes a folder of the node for each claim. Folders are open to every user id, because the claim does
// not say as whom its pods will run; only pods that mount the volume can reach it.
type localVolumes struct {
	root string
	node string
}

func provisionVolumes() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	config, err := rest.InClusterConfig()
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	volumes := &localVolumes{root: os.Getenv("VOLUMES_ROOT"), node: os.Getenv("NODE_NAME")}
	controller.NewProvisionController(ctx, client, provisionerName, volumes,
		controller.LeaderElection(false)).Run(ctx)
	return nil
}

func (v *localVolumes) Provision(
	_ context.Context, options controller.ProvisionOptions,
) (*core.PersistentVolume, controller.ProvisioningState, error) {
	claim := options.PVC
	if claim.Spec.Selector != nil {
		return nil, controller.ProvisioningFinished, fmt.Errorf("claim selectors are not supported")
	}
	if node := options.SelectedNodeName; node != "" && node != v.node {
		return nil, controller.ProvisioningReschedule, fmt.Errorf("node %s has no local volumes", node)
	}
	path := filepath.Join(v.root, strings.Join([]string{options.PVName, claim.Namespace, claim.Name}, "_"))
	if err := os.MkdirAll(path, 0o777); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	if err := os.Chmod(path, 0o777); err != nil { // MkdirAll obeys the umask
		return nil, controller.ProvisioningFinished, err
	}
	requirement := core.NodeSelectorRequirement{Key: nodeLabel, Operator: core.NodeSelectorOpIn, Values: []string{v.node}}
	return &core.PersistentVolume{
		ObjectMeta: meta.ObjectMeta{Name: options.PVName},
		Spec: core.PersistentVolumeSpec{
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			AccessModes:                   claim.Spec.AccessModes,
			VolumeMode:                    claim.Spec.VolumeMode,
			MountOptions:                  options.StorageClass.MountOptions,
			Capacity:                      core.ResourceList{core.ResourceStorage: claim.Spec.Resources.Requests[core.ResourceStorage]},
			PersistentVolumeSource:        core.PersistentVolumeSource{Local: &core.LocalVolumeSource{Path: path}},
			NodeAffinity: &core.VolumeNodeAffinity{Required: &core.NodeSelector{NodeSelectorTerms: []core.NodeSelectorTerm{
				{MatchExpressions: []core.NodeSelectorRequirement{requirement}},
			}}},
		},
	}, controller.ProvisioningFinished, nil
}

func (v *localVolumes) Delete(_ context.Context, volume *core.PersistentVolume) error {
	if volume.Spec.Local == nil {
		return &controller.IgnoredError{Reason: "not a local volume"}
	}
	path := filepath.Clean(volume.Spec.Local.Path)
	if filepath.Dir(path) != filepath.Clean(v.root) {
		return &controller.IgnoredError{Reason: path + " is not a folder made here"}
	}
	return os.RemoveAll(path)
}
