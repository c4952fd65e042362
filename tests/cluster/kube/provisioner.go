package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// className is the provisioner's name and that of its storage class.
const className = "local-dir"

// directories answers each claim with a directory of its own below root, as a volume of the kind
// "local": those honour fsGroup, as a real driver's do. The host-path provisioner in Kubernetes
// makes directories of root's that no pod with runAsNonRoot can write to.
type directories struct{ root string }

func (d directories) Provision(_ context.Context, options controller.ProvisionOptions) (*v1.PersistentVolume, controller.ProvisioningState, error) {
	path := filepath.Join(d.root, options.PVName)
	if err := os.MkdirAll(path, 0o755); err != nil {
		return nil, controller.ProvisioningFinished, err
	}
	onItsNode := v1.NodeSelectorRequirement{
		Key: v1.LabelHostname, Operator: v1.NodeSelectorOpIn, Values: []string{options.SelectedNodeName},
	}
	claim := options.PVC.Spec
	return &v1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: options.PVName},
		Spec: v1.PersistentVolumeSpec{
			AccessModes:                   claim.AccessModes,
			Capacity:                      v1.ResourceList{v1.ResourceStorage: claim.Resources.Requests[v1.ResourceStorage]},
			PersistentVolumeReclaimPolicy: *options.StorageClass.ReclaimPolicy,
			PersistentVolumeSource:        v1.PersistentVolumeSource{Local: &v1.LocalVolumeSource{Path: path}},
			VolumeMode:                    claim.VolumeMode,
			NodeAffinity: &v1.VolumeNodeAffinity{Required: &v1.NodeSelector{
				NodeSelectorTerms: []v1.NodeSelectorTerm{{MatchExpressions: []v1.NodeSelectorRequirement{onItsNode}}},
			}},
		},
	}, controller.ProvisioningFinished, nil
}

func (d directories) Delete(_ context.Context, volume *v1.PersistentVolume) error {
	return os.RemoveAll(filepath.Join(d.root, volume.Name))
}

// provision serves the claims of the cluster that the kubeconfig arguments[0] names, with
// directories below arguments[1], until it is killed.
func provision(arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("usage: provisioner KUBECONFIG DIRECTORY")
	}
	config, err := clientcmd.BuildConfigFromFlags("", arguments[0])
	if err != nil {
		return err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return err
	}
	ctx := context.Background()
	controller.NewProvisionController(ctx, client, className, directories{arguments[1]},
		controller.LeaderElection(false)).Run(ctx)
	return nil
}
