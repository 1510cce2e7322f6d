"""Workflows that are made of one idea: ask a model once, or the same of many things."""

from __future__ import annotations

import abc
import uuid
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from .rest import HELD_BACK_SECONDS, RestClient
from .result import WorkflowResult
from .workflow import Workflow


class Batches(abc.ABC):
    """What a cluster offers beside its own verbs."""

    @abc.abstractmethod
    async def execute_workflow(self, workflow: Workflow, timeout: Optional[float] = None) -> WorkflowResult: ...

    @property
    @abc.abstractmethod
    def rest(self) -> RestClient: ...

    async def analyze_text(self, prompt: str, model: Optional[str] = None, **more: Any) -> str:
        """The answer of a language model. Raises `WorkflowFailed` where there is none."""
        workflow = Workflow("text_analysis")
        workflow.add_text_task("analyze", prompt, model, **more)
        return str((await self.execute_workflow(workflow)).raise_for_status().results["analyze"])

    async def analyze_image(self, prompt: str, image_path: str, model: Optional[str] = None, **more: Any) -> str:
        """What a model says about an image."""
        workflow = Workflow("image_analysis")
        workflow.add_vision_task("analyze", prompt, image_path, model, **more)
        return str((await self.execute_workflow(workflow)).raise_for_status().results["analyze"])

    async def batch_analyze_images(
        self, prompt: str, image_paths: Sequence[str], model: Optional[str] = None, **more: Any
    ) -> Dict[str, str]:
        """What a model says about each image, by its path. Those that failed are left out."""
        workflow = Workflow("batch_image_analysis")
        for place, path in enumerate(image_paths):
            workflow.add_vision_task(f"analyze_image_{place}", prompt, path, model, **more)
        results = (await self.execute_workflow(workflow)).results
        return _by_key(list(image_paths), [f"analyze_image_{place}" for place in range(len(image_paths))], results)

    async def batch_analyze_texts(
        self,
        prompt: str,
        texts: Union[Sequence[str], Mapping[str, str]],
        model: Optional[str] = None,
        **more: Any,
    ) -> Dict[str, str]:
        """What a model says about each text, by its key (or its place, as a text). `{text}` in the prompt stands for
        it; without that it follows the prompt. Those that failed are left out."""
        named = dict(texts) if isinstance(texts, Mapping) else {str(place): text for place, text in enumerate(texts)}
        workflow = Workflow("batch_text_analysis")
        for place, text in enumerate(named.values()):
            whole = prompt.replace("{text}", text) if "{text}" in prompt else f"{prompt}\n\n{text}"
            workflow.add_text_task(f"analyze_text_{place}", None, model, messages=[_said(whole)], **more)
        results = (await self.execute_workflow(workflow)).results
        return _by_key(list(named), [f"analyze_text_{place}" for place in range(len(named))], results)

    async def batch_process(
        self, folder: str, *, name: str = "batch", timeout: Optional[float] = None, **settings: Any
    ) -> WorkflowResult:
        """One task for each file of a folder in the server's files root, and `aggregate_results`. `settings` are those
        of a workflow of the type `batch`: prompt, model, function, extensions, recursive, ..."""
        body = {"id": str(uuid.uuid4()), "name": name, "type": "batch", "folder": folder, **settings}
        answer = await self.rest.submit(body, HELD_BACK_SECONDS if timeout is None else int(timeout))
        await self.rest.wait_for(answer["id"], timeout)
        return WorkflowResult.of(await self.rest.results(answer["id"]))


def _said(text: str) -> Dict[str, str]:
    return {"role": "user", "content": text}


def _by_key(keys: List[str], tasks: List[str], results: Mapping[str, Any]) -> Dict[str, str]:
    return {key: results[task] for key, task in zip(keys, tasks) if task in results}
