"""The training loop: transformers' Trainer with our loss, rates by layer, averaged weights, dev F1."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainingArguments

from extract.encoder.windows import EncodedBatch
from extract.heads.base import GoldWindow
from extract.model import ExtractionModel
from extract.training.averaging import WeightAverage
from extract.training.data import Collator, LengthGroupedSampler, TrainingWindow, to_batch
from extract.training.distill.student import Student
from extract.training.early_exit import EarlyExits
from extract.training.recipe import TrainingRecipe
from extract.training.sampling import TaskSampler

BEST_WEIGHTS = "best.safetensors"
BEST_METRICS = "best.json"


def has_bf16() -> bool:
    """Whether the device at hand has bfloat16 units, so that bfloat16 is faster and not emulated."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported()
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def parameter_groups(
    model: ExtractionModel, recipe: TrainingRecipe, beside: Iterable[nn.Parameter] = ()
) -> list[dict[str, Any]]:
    """Trainable parameters by learning rate and weight decay; `beside` are learnt at the head's rate.

    Layer l of L learns at rate * decay^(L - l), the embeddings as layer 0; biases and
    normalisation weights are not decayed. Howard and Ruder 2018, Universal Language Model
    Fine-tuning for Text Classification (discriminative rates).
    """
    layers = model.encoder.layer_parameters()
    rates = [
        recipe.learning_rate * recipe.layer_decay ** (len(layers) - 1 - i)
        for i in range(len(layers))
    ]
    in_encoder = {id(p) for layer in layers for p in layer}
    others = [p for p in model.parameters() if id(p) not in in_encoder] + list(beside)
    groups = []
    for parameters, rate in [*zip(layers, rates, strict=True), (others, recipe.head_learning_rate)]:
        for matrices, decay in ((True, recipe.weight_decay), (False, 0.0)):
            chosen = [p for p in parameters if p.requires_grad and (p.dim() > 1) == matrices]
            if chosen:
                groups.append({"params": chosen, "lr": rate, "weight_decay": decay})
    return groups


class _Bookkeeping(TrainerCallback):
    """Averages weights after each step, asks for scores and checkpoints, stops early."""

    def __init__(
        self, average: WeightAverage | None, best: _Best, patience: int, eval_from: int
    ) -> None:
        self.average = average
        self.best = best
        self.patience = patience
        self.eval_from = eval_from

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if self.average is not None:
            self.average.step()

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        epoch = round(state.epoch or 0)
        # A run shorter than `eval_from` is scored at its end, or it would keep no weights.
        control.should_evaluate = epoch >= min(self.eval_from, args.num_train_epochs)
        control.should_save = True

    def on_evaluate(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if (state.epoch or 0) - self.best.epoch >= self.patience:
            control.should_training_stop = True


class _Best:
    """The best evaluated weights so far, on disk, so that a resumed run still knows them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.f1, self.epoch = -1.0, 0.0
        if (folder / BEST_METRICS).is_file():
            stored = json.loads((folder / BEST_METRICS).read_text(encoding="utf-8"))
            self.f1, self.epoch = stored["f1"], stored["epoch"]

    def offer(self, f1: float, epoch: float, model: nn.Module) -> None:
        # A run resumed from before its best epoch meets that epoch again and stores it again. While nothing
        # is right yet the later epoch is the better one, and no patience is lost.
        if f1 > self.f1 or (f1 == self.f1 and (epoch == self.epoch or f1 == 0)):
            self.f1, self.epoch = f1, epoch
            save_file(
                {k: v.contiguous() for k, v in model.state_dict().items()},
                self.folder / BEST_WEIGHTS,
            )
            text = json.dumps({"f1": f1, "epoch": epoch})
            writing = self.folder / f".{BEST_METRICS}"
            writing.write_text(text, encoding="utf-8")
            writing.replace(self.folder / BEST_METRICS)  # never half written

    def load_into(self, model: nn.Module) -> None:
        model.load_state_dict(load_file(self.folder / BEST_WEIGHTS))


class ExtractionTrainer(Trainer):
    """Trains an `ExtractionModel`; after each epoch the averaged weights are scored on dev.

    Args:
        model: the network to train, changed in place.
        windows: training windows.
        collator: pads them to batches.
        recipe: settings of the run.
        seed: of data order, dropout and initialisation.
        run_dir: checkpoints, log and best weights are written here.
        measure: scores the model on dev; the value at "f1" picks the best epoch.
        progress: whether to show a progress bar and the log.
        student: the network with what distillation adds to its losses; None: no teacher.

    Raises `RecipeError` if tasks are to be drawn and the windows have no label of any of them, or if the
    model cannot have the early exits that are asked for.
    """

    def __init__(
        self,
        model: ExtractionModel,
        windows: Sequence[TrainingWindow],
        collator: Collator,
        recipe: TrainingRecipe,
        *,
        seed: int,
        run_dir: Path,
        measure: Callable[[], dict[str, float]],
        progress: bool = True,
        student: Student | None = None,
    ) -> None:
        self.student = student
        self.recipe = recipe
        self.network = model  # `self.model` is typed as transformers' own kind of model
        self.measure = measure
        self.drawn: TaskSampler | None = None  # the task of each step; None: all of them
        if recipe.task_sampling == "proportional":
            self.drawn = TaskSampler.of(windows, model.head.tasks.values(), seed)
        early = recipe.early_exit
        self.exits = None if early is None else EarlyExits.of(model, early)
        self.best = _Best(run_dir)
        bf16 = has_bf16() if recipe.bf16 == "auto" else recipe.bf16 == "yes"
        args = TrainingArguments(
            output_dir=str(run_dir),
            num_train_epochs=recipe.epochs,
            per_device_train_batch_size=recipe.batch_size,
            max_grad_norm=recipe.max_grad_norm,
            lr_scheduler_type="linear",
            # Transformers 5 takes a share of all steps here when the value is below 1.
            warmup_steps=recipe.warmup,
            seed=seed,
            data_seed=seed,
            bf16=bf16,
            use_cpu=not torch.cuda.is_available(),
            eval_strategy="no",  # the callback decides, so that `eval_from` is obeyed
            save_strategy="no",
            save_total_limit=1,
            logging_strategy="epoch",
            report_to=[],
            disable_tqdm=not progress,
            remove_unused_columns=False,
            label_names=[],
            dataloader_pin_memory=False,
        )
        lengths = [len(item.window.piece_ids) for item in windows]
        self._sampler = LengthGroupedSampler(lengths, recipe.batch_size, seed)
        super().__init__(
            model=model if student is None else student,
            args=args,
            train_dataset=list(windows),
            data_collator=collator,
        )
        if not progress:
            self.remove_callback(PrinterCallback)  # what stands in for the bar
        self.average = WeightAverage(model, recipe.ema_decay) if recipe.ema_decay else None
        self.add_callback(_Bookkeeping(self.average, self.best, recipe.patience, recipe.eval_from))

    def _get_train_sampler(self, train_dataset: Any = None) -> LengthGroupedSampler:
        return self._sampler

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW over groups with a learning rate each."""
        if self.optimizer is None:
            filters = None if self.student is None else self.student.filters
            beside = [] if filters is None else filters.parameters()
            self.optimizer = torch.optim.AdamW(
                parameter_groups(self.network, self.recipe, beside),
                betas=(0.9, 0.999),
                eps=1e-8,
                fused=True,
            )
        return self.optimizer

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The weighted sum of the head's losses, or of those of the task that is drawn for this step.

        Those of a teacher, weighted already, always count.
        """
        with self.compute_loss_context_manager():
            batch, gold = to_batch(inputs), inputs["gold"]
            losses: dict[str, Tensor] = (
                model(batch, gold, to_batch(inputs["teacher"]))
                if "teacher" in inputs
                else model(batch, gold, self._exit_weights())
            )
        weights, counted = self.recipe.loss_weights, self._counted(losses)
        if counted:
            terms = [weights.get(name, 1.0) * loss for name, loss in counted.items()]
            total = torch.stack(terms).sum()
        else:
            # Nothing of the drawn task in this batch: no parameter gets a gradient, so none is moved.
            total = torch.zeros((), device=self.args.device, requires_grad=True)
        return (total, losses) if return_outputs else total

    def _exit_weights(self) -> dict[int, float] | None:
        """The weight of each layer's losses at this step; None: the last layer's alone count."""
        if self.exits is None:
            return None
        return self.exits.weights(self.state.global_step, self.state.max_steps)

    def _counted(self, losses: dict[str, Tensor]) -> dict[str, Tensor]:
        if self.drawn is None:
            return losses
        # Steps made, which a resumed run takes over from its checkpoint.
        task, of = self.drawn.task(self.state.global_step), self.network.head.tasks
        return {name: loss for name, loss in losses.items() if of.get(name, task) == task}

    def learn_filters(self, run_dir: Path) -> None:
        """Train what distillation needs before it; see `Student.prepare`."""
        if self.student is None:
            return
        self.student.prepare(
            self._endless_batches(), self.compute_loss_context_manager, run_dir, self.args.seed
        )

    def _endless_batches(self) -> Iterator[tuple[EncodedBatch, EncodedBatch, list[GoldWindow]]]:
        size = self.recipe.batch_size
        lengths = self._sampler.lengths
        for epoch in itertools.count():
            sampler = LengthGroupedSampler(lengths, size, self.args.seed)
            sampler.set_epoch(epoch)
            order = list(sampler)
            for at in range(0, len(order), size):
                items = [self.train_dataset[row] for row in order[at : at + size]]  # type: ignore[index]
                inputs: dict[str, Any] = self._prepare_inputs(self.data_collator(items))
                yield to_batch(inputs), to_batch(inputs["teacher"]), inputs["gold"]

    def evaluate(self, *args: Any, **kwargs: Any) -> dict[str, float]:
        """Score the averaged weights on dev and keep them if they are the best so far."""
        if self.average is None:
            metrics = self._scored()
        else:
            with self.average.applied():
                metrics = self._scored()
        self.log(metrics)
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, metrics
        )
        return metrics

    def _scored(self) -> dict[str, float]:
        was_training = self.network.training
        metrics = self.measure()
        self.network.train(was_training)
        self.best.offer(metrics["f1"], float(self.state.epoch or 0), self.network)
        return {f"eval_{name}": value for name, value in metrics.items()}

    def has_stopped(self, checkpoint: str) -> bool:
        """Whether the run whose last checkpoint this is had already run out of patience."""
        state = json.loads((Path(checkpoint) / "trainer_state.json").read_text(encoding="utf-8"))
        scored = self.best.f1 >= 0  # before the first score there is no patience to lose
        return bool(scored and state["epoch"] - self.best.epoch >= self.recipe.patience)

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        # The average goes with the optimizer: before the trainer's state, which marks a checkpoint
        # whole, and before older checkpoints are deleted.
        super()._save_optimizer_and_scheduler(output_dir)
        if self.average is not None:
            self.average.save(output_dir)

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        super()._load_from_checkpoint(resume_from_checkpoint, model)
        if self.average is not None:
            step = int(Path(resume_from_checkpoint).name.split("-")[-1])
            self.average.load(resume_from_checkpoint, step)
